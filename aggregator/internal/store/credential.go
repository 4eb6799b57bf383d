// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Credential is what an agent proves its machine with. The secret itself is not stored.
type Credential struct {
	ID           int64
	Machine      int64
	Serial       string
	Enrollment   int64 // 0: not known
	BusinessUnit *BusinessUnit
	Modules      []string
	Evidence     uint64
	Identity     json.RawMessage // the evidence itself, as it was given to Issue
	Instance     []byte          // agent process that enrolled
	CreatedAt    time.Time
	UsedAt       *time.Time // first use; nil: not used yet
	Frozen       bool
	FrozenWhy    string
	Newcomer     []byte // with Frozen: agent process that has to enrol under another identity; empty: not known
}

const (
	credentialsSQL = `
SELECT c.id, c.machine, m.serial_number, coalesce(c.enrollment, 0), u.id, u.name, c.modules, c.evidence, c.identity::text,
       c.instance, c.created_at, c.used_at, c.frozen_at IS NOT NULL, c.frozen_why, c.newcomer
FROM credential c
JOIN machine m ON m.id = c.machine
LEFT JOIN enrollment e ON e.id = c.enrollment
LEFT JOIN meta_business_unit u ON u.id = e.meta_business_unit
WHERE c.revoked_at IS NULL AND `
	credentialByIDSQL       = credentialsSQL + `c.id = $1`
	credentialByDigestSQL   = credentialsSQL + `c.digest = $1`
	credentialsByMachineSQL = credentialsSQL + `c.machine = $1 ORDER BY c.id DESC LIMIT $2`
)

// CredentialByDigest returns the credential with that digest, frozen or not. One that is unknown or revoked is
// ErrNotFound.
func (s *Store) CredentialByDigest(ctx context.Context, digest auth.Digest) (Credential, error) {
	c, err := oneCredential(ctx, s.pool, credentialByDigestSQL, digest[:])
	if err != nil {
		return Credential{}, fmt.Errorf("credential: %w", err)
	}
	return c, nil
}

const credentialRevokedSQL = `
SELECT EXISTS (SELECT FROM credential WHERE digest = $1 AND revoked_at IS NOT NULL)`

// CredentialRevoked tells whether the credential with that digest was issued and revoked.
func (s *Store) CredentialRevoked(ctx context.Context, digest auth.Digest) (bool, error) {
	var revoked bool
	if err := s.pool.QueryRow(ctx, credentialRevokedSQL, digest[:]).Scan(&revoked); err != nil {
		return false, fmt.Errorf("revoked credential: %w", err)
	}
	return revoked, nil
}

const lastIdentitySQL = `
SELECT c.identity::text
FROM machine m JOIN credential c ON c.machine = m.id
WHERE m.serial_number = $1
ORDER BY c.id DESC
LIMIT 1`

// LastIdentity returns the evidence that the machine with a serial number was last enrolled with, whatever became of
// the credential; ErrNotFound when it never was.
func (s *Store) LastIdentity(ctx context.Context, serial string) (json.RawMessage, error) {
	var identity string
	if err := s.pool.QueryRow(ctx, lastIdentitySQL, serial).Scan(&identity); err != nil {
		return nil, fmt.Errorf("identity of %s: %w", serial, notFound(err))
	}
	return json.RawMessage(identity), nil
}

// LatestCredentials returns the machine's credentials that are not revoked, the newest first and at most 16.
func (s *Store) LatestCredentials(ctx context.Context, machine int64) ([]Credential, error) {
	const most = 16
	rows, _ := s.pool.Query(ctx, credentialsByMachineSQL, machine, most) // its error comes back from CollectRows
	credentials, err := pgx.CollectRows(rows, scanCredential)
	if err != nil {
		return nil, fmt.Errorf("credentials of machine %d: %w", machine, err)
	}
	return credentials, nil
}

func oneCredential(ctx context.Context, db querier, sql string, arg any) (Credential, error) {
	rows, _ := db.Query(ctx, sql, arg) // its error comes back from CollectExactlyOneRow
	c, err := pgx.CollectExactlyOneRow(rows, scanCredential)
	return c, notFound(err)
}

func scanCredential(row pgx.CollectableRow) (Credential, error) {
	var c Credential
	var unitID *int64
	var unitName *string
	var evidence int64
	var identity string
	err := row.Scan(&c.ID, &c.Machine, &c.Serial, &c.Enrollment, &unitID, &unitName, &c.Modules, &evidence, &identity,
		&c.Instance, &c.CreatedAt, &c.UsedAt, &c.Frozen, &c.FrozenWhy, &c.Newcomer)
	c.BusinessUnit = businessUnit(unitID, unitName)
	c.Evidence, c.Identity = uint64(evidence), json.RawMessage(identity)
	return c, err
}

// Conflict is why a credential cannot be right: two machines seem to use it.
type Conflict struct {
	Why      string
	Newcomer []byte // agent process that has to enrol under another identity; nil: not known
	Module   string // of the source that it turned up with; "": not known
	Reported any    // what is known of the machine that turned up, as a JSON object; nil: nothing
}

// conflictEvent is the body of its journal row, with the outside contract's keys.
type conflictEvent struct {
	Module   string `json:"module"`
	Reported any    `json:"reported_machine_info"`
}

const freezeSQL = `
WITH frozen AS (
	UPDATE credential SET frozen_at = now(), frozen_why = $2, newcomer = $3
	WHERE id = $1 AND frozen_at IS NULL AND revoked_at IS NULL
	RETURNING machine
)
INSERT INTO journal (what, machine, detail, body)
SELECT 'conflict', f.machine, $2, json_build_object('module', $4::json->'module',
    'reported_machine_info', $4::json->'reported_machine_info', 'enrollment_serial_number', m.serial_number)
FROM frozen f JOIN machine m ON m.id = f.machine`

// Freeze stops the credential from pushing and writes one journal row that says why. It reports whether this call froze
// it: freezing it again changes nothing.
func (s *Store) Freeze(ctx context.Context, id int64, c Conflict) (bool, error) {
	if c.Reported == nil {
		c.Reported = struct{}{}
	}
	body, err := json.Marshal(conflictEvent{c.Module, c.Reported})
	if err != nil {
		return false, fmt.Errorf("freeze credential %d: %w", id, err)
	}
	tag, err := s.pool.Exec(ctx, freezeSQL, id, c.Why, bytesOf(c.Newcomer), string(body))
	if err != nil {
		return false, fmt.Errorf("freeze credential %d: %w", id, err)
	}
	return tag.RowsAffected() > 0, nil
}

const (
	// Heads before credentials, as everywhere.
	lockHeadsOfCredentialSQL = `
SELECT h.id
FROM credential c JOIN head h ON h.machine = c.machine JOIN source s ON s.id = h.source
WHERE c.id = $1 AND c.used_at IS NULL AND c.instance <> '' AND s.module = ANY (c.modules)
ORDER BY h.id
FOR NO KEY UPDATE OF h`

	useCredentialSQL = `
WITH used AS (
	UPDATE credential SET used_at = now()
	WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL
	RETURNING id, machine, modules
), ended AS (
	UPDATE credential older SET revoked_at = now()
	FROM used
	WHERE older.machine = used.machine AND older.id < used.id AND older.modules && used.modules
	  AND older.revoked_at IS NULL AND older.frozen_at IS NULL
	RETURNING older.digest
), anew AS (
	UPDATE head SET agent_instance = '', resumed = '' WHERE id = ANY ($2) AND EXISTS (SELECT FROM used)
), forgotten AS (
	DELETE FROM head_instance WHERE head = ANY ($2) AND EXISTS (SELECT FROM used)
)
SELECT digest FROM ended`
)

// UseCredential notes the first use of a credential; older ones of the machine for the same modules end with it, and
// their digests are returned. A frozen one stays: it cannot push, and the other machine that holds it still has to
// enrol again with it. Where an agent process enrolled for it, the order of the machine's requests begins anew: the
// processes before it have no credential any more. Further calls change nothing.
func (s *Store) UseCredential(ctx context.Context, id int64) ([]auth.Digest, error) {
	var ended []auth.Digest
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, lockHeadsOfCredentialSQL, id) // its error comes back from CollectRows
		heads, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, useCredentialSQL, id, list(heads)) // its error comes back from CollectRows
		ended, err = pgx.CollectRows(rows, scanAuthDigest)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("use credential %d: %w", id, err)
	}
	return ended, nil
}

func scanAuthDigest(row pgx.CollectableRow) (auth.Digest, error) {
	var raw []byte
	if err := row.Scan(&raw); err != nil {
		return auth.Digest{}, err
	}
	return auth.Digest(raw), nil
}

const revokeCredentialSQL = `
UPDATE credential SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1`

// RevokeCredential ends one credential.
func (s *Store) RevokeCredential(ctx context.Context, id int64) error {
	return s.execOne(ctx, fmt.Sprintf("revoke credential %d", id), revokeCredentialSQL, id)
}

// list returns values for an array column that takes no NULL.
func list[T any](values []T) []T {
	if values == nil {
		return []T{}
	}
	return values
}

// bytesOf returns a value for a bytea column that takes no NULL.
func bytesOf(raw []byte) []byte { return list(raw) }
