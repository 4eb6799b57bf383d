// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// NewCredential describes a machine credential to issue.
type NewCredential struct {
	Digest   auth.Digest
	Serial   string   // the machine, made when it is new
	Modules  []string // modules of the sources it may report as
	Evidence uint64   // digest of the stable evidence
	Identity json.RawMessage
	Instance []byte // agent process that enrols

	// Secret is used once more, or refuses the whole. The zero digest uses none: Enrollment is the one that let the
	// machine in before, 0 when it is not known.
	Secret     auth.Digest
	Enrollment int64

	Request *auth.Request // how it was asked for, which events tell; nil: nobody asked

	UDID  string // product UUID, for enrolments that list those
	Moved bool   // it has another identity than when Enrollment let it in, which that one has to allow
}

const (
	// Asking first, because an insert that finds a conflict burns an id.
	insertNewMachineSQL = `
INSERT INTO machine (serial_number)
SELECT $1 WHERE NOT EXISTS (SELECT FROM machine WHERE serial_number = $1)
ON CONFLICT (serial_number) DO NOTHING`
	insertCredentialSQL = `
INSERT INTO credential (digest, machine, enrollment, modules, evidence, identity, instance)
SELECT $1, id, nullif($3::bigint, 0), $4, $5, $6::json, $7 FROM machine WHERE serial_number = $2
RETURNING id, machine`

	// Tags decide which checks apply, which matters to commits once there is a head. A machine that merely gets another
	// credential keeps the tags it has now.
	applyTagsSQL = `
WITH applied AS (
	INSERT INTO machine_tag (machine, tag)
	SELECT $1, t.id FROM enrollment e JOIN tag t ON t.id = ANY (e.tags)
	WHERE e.id = $2 AND ($3 OR NOT EXISTS (SELECT FROM credential c WHERE c.machine = $1 AND c.id <> $4))
	ORDER BY t.id
	ON CONFLICT DO NOTHING
	RETURNING tag
), raised AS (
	UPDATE check_generation SET generation = generation + 1
	WHERE EXISTS (SELECT FROM applied) AND EXISTS (SELECT FROM head WHERE machine = $1)
), pending AS (
	INSERT INTO pending_evaluation (machine, at)
	SELECT $1, clock_timestamp() WHERE EXISTS (SELECT FROM applied) AND EXISTS (SELECT FROM head WHERE machine = $1)
	ON CONFLICT (machine) DO UPDATE SET at = excluded.at
)
INSERT INTO journal (what, machine, body)
SELECT 'tag', $1, json_strip_nulls(json_build_object('added', json_agg(` + changedTagJSON + ` ORDER BY t.id)))
FROM applied a JOIN tag t ON t.id = a.tag LEFT JOIN taxonomy x ON x.id = t.taxonomy
HAVING count(*) > 0`
)

// maxIssueBatch bounds the credentials that one transaction issues.
const maxIssueBatch = 32

// issue is one credential of a batch and what became of it.
type issue struct {
	NewCredential
	id, machine int64
	enrollment  int64
	issued      Credential
	refused     error
}

// Issue stores a credential together with all that belongs to it: the machine, the use of the enrolment secret, the
// enrolment's tags where a secret was used or the machine had no credential before. Its refusals are
// EnrollmentRefusals, and nothing is stored then. Credentials that the machine has already stay valid: see UseCredential.
//
// Those that arrive together share a transaction: the row of their secret is locked until it is on disk, so one by one
// they would wait for each other's disk.
func (s *Store) Issue(ctx context.Context, n NewCredential) (Credential, error) {
	done, err := s.issues.do(ctx, n)
	if err == nil {
		err = done.refused
	}
	if err != nil {
		return Credential{}, fmt.Errorf("issue credential: %w", err)
	}
	return done.issued, nil
}

// writeIssues writes one batch. When it cannot be written whole, each is written for itself, so that nobody suffers
// from what others sent.
func (s *Store) writeIssues(ctx context.Context, batch []NewCredential) ([]issue, error) {
	issues, err := s.issueAll(ctx, batch)
	if err == nil || len(batch) == 1 {
		return issues, err
	}
	issues = make([]issue, len(batch))
	for i := range batch {
		one, err := s.issueAll(ctx, batch[i:i+1])
		if err != nil {
			issues[i].refused = err
			continue
		}
		issues[i] = one[0]
	}
	return issues, nil
}

// issueAll issues a batch in one transaction and a few round trips. Secrets are used before machines are made, each in
// one order, so that two aggregators do not wait for each other.
func (s *Store) issueAll(ctx context.Context, batch []NewCredential) ([]issue, error) {
	issues := make([]issue, len(batch))
	err := s.inTxAgain(ctx, func(ctx context.Context, tx pgx.Tx) error { // who tags the same machines may wait for it, and it for them
		order := make([]*issue, len(batch))
		for i := range batch {
			issues[i] = issue{NewCredential: batch[i], enrollment: batch[i].Enrollment}
			order[i] = &issues[i]
		}
		slices.SortStableFunc(order, func(a, b *issue) int { return bytes.Compare(a.Secret[:], b.Secret[:]) })
		if err := together(ctx, tx, order, (*issue).useSecret); err != nil {
			return err
		}
		order = slices.DeleteFunc(order, func(i *issue) bool { return i.refused != nil })
		slices.SortStableFunc(order, func(a, b *issue) int { return cmp.Compare(a.Serial, b.Serial) })
		if err := together(ctx, tx, order, (*issue).insert); err != nil {
			return err
		}
		return together(ctx, tx, order, (*issue).finish)
	})
	return issues, err
}

// together sends what each of the issues queues in one round trip.
func together(ctx context.Context, tx pgx.Tx, issues []*issue, queue func(*issue, *pgx.Batch)) error {
	b := &pgx.Batch{}
	for _, i := range issues {
		queue(i, b)
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close() // runs what was queued for the answers, and returns its first error
}

// useSecret counts the use of the secret, if there is one, or notes why it is refused.
func (i *issue) useSecret(b *pgx.Batch) {
	if i.Secret == (auth.Digest{}) {
		i.checkMove(b)
		return
	}
	b.Queue(useEnrollmentSQL, i.Secret[:], i.Serial, i.UDID).QueryRow(func(row pgx.Row) (err error) {
		i.enrollment, err = usedEnrollment(row)
		if isEnrollmentRefusal(err) {
			i.refused, err = err, nil
		}
		return err
	})
}

// checkMove notes when the enrolment is not for the machine's new identity.
func (i *issue) checkMove(b *pgx.Batch) {
	if !i.Moved || i.Enrollment == 0 {
		return
	}
	b.Queue(allowsSQL, i.Enrollment, i.Serial, i.UDID).QueryRow(func(row pgx.Row) error {
		var serial, udid bool
		err := row.Scan(&serial, &udid)
		i.refused = allowed(serial, udid)
		return err
	})
}

// insert makes the machine, when it is new, and the credential.
func (i *issue) insert(b *pgx.Batch) {
	b.Queue(insertNewMachineSQL, i.Serial)
	b.Queue(insertCredentialSQL, i.Digest[:], i.Serial, i.enrollment, list(i.Modules), int64(i.Evidence), i.Identity,
		bytesOf(i.Instance)).QueryRow(func(row pgx.Row) error { return row.Scan(&i.id, &i.machine) })
}

// finish tells of it, applies the tags and reads the credential as it is stored.
func (i *issue) finish(b *pgx.Batch) {
	i.tell(b)
	b.Queue(applyTagsSQL, i.machine, i.enrollment, i.Secret != (auth.Digest{}), i.id)
	b.Queue(credentialByIDSQL, i.id).Query(func(rows pgx.Rows) (err error) {
		i.issued, err = pgx.CollectExactlyOneRow(rows, scanCredential)
		return err
	})
}
