// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Status is the result of one version of a check for one change of a head.
type Status struct {
	CheckID      int64
	CheckVersion int
	Machine      int64
	Head         int64
	HeadSeq      int64
	Status       compliance.Status
}

// StatusChange is a stored status that differs from the one before it.
type StatusChange struct {
	Status
	Previous *compliance.Status // nil: it is the first
}

const (
	lockStatusesSQL = `
SELECT s.check_id, s.machine, s.head, s.status
FROM check_status s
JOIN unnest($1::bigint[], $2::bigint[]) AS o(check_id, machine) USING (check_id, machine)
ORDER BY s.check_id, s.machine
FOR UPDATE OF s`

	// A head that was pruned meanwhile has no statuses any more.
	upsertStatusesSQL = `
INSERT INTO check_status AS s (check_id, machine, head, check_version, head_seq, status)
SELECT o.check_id, o.machine, o.head, o.check_version, o.head_seq, o.status
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::smallint[])
     AS o(check_id, machine, head, check_version, head_seq, status)
JOIN head h ON h.id = o.head
ORDER BY o.check_id, o.machine
FOR KEY SHARE OF h
ON CONFLICT (check_id, machine) DO UPDATE
SET head = excluded.head, check_version = excluded.check_version, head_seq = excluded.head_seq, status = excluded.status,
    previous_status = CASE WHEN s.status = excluded.status THEN s.previous_status ELSE s.status END,
    since = CASE WHEN s.status = excluded.status THEN s.since ELSE now() END
WHERE (excluded.check_version, excluded.head_seq) > (s.check_version, s.head_seq)
   OR (excluded.head <> s.head AND excluded.check_version >= s.check_version)
RETURNING s.check_id, s.machine, s.previous_status`
)

// putStatuses stores statuses within a transaction, each (check, machine) at most once, and tells which differ from the
// stored one. A result that is not newer than the stored one, by version and then by seq, is passed over.
func putStatuses(ctx context.Context, tx pgx.Tx, statuses []Status) (*statusPut, error) {
	put := newStatusPut(statuses)
	if len(statuses) == 0 {
		return put, nil
	}
	batch := &pgx.Batch{}
	put.queue(batch)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("put %d statuses: %w", len(statuses), err)
	}
	return put, nil
}

// statusKey names the row of a status.
type statusKey struct{ check, machine int64 }

// oldStatus is what stood there before.
type oldStatus struct {
	head   int64
	status compliance.Status
}

// statusPut is one call of putStatuses.
type statusPut struct {
	checks, machines, heads, seqs []int64
	versions                      []int32
	values                        []int16
	offered                       map[statusKey]Status
	old                           map[statusKey]oldStatus
	changes                       []StatusChange
	moved                         []int64 // heads whose status was another head's before
}

func newStatusPut(statuses []Status) *statusPut {
	p := &statusPut{offered: make(map[statusKey]Status, len(statuses)), old: map[statusKey]oldStatus{}}
	for _, s := range statuses {
		p.checks = append(p.checks, s.CheckID)
		p.machines = append(p.machines, s.Machine)
		p.heads = append(p.heads, s.Head)
		p.versions = append(p.versions, int32(s.CheckVersion))
		p.seqs = append(p.seqs, s.HeadSeq)
		p.values = append(p.values, int16(s.Status))
		p.offered[statusKey{s.CheckID, s.Machine}] = s
	}
	return p
}

// queue adds the statements; changes is filled in when the batch was sent.
func (p *statusPut) queue(batch *pgx.Batch) {
	batch.Queue(lockStatusesSQL, p.checks, p.machines).Query(p.readOld)
	batch.Queue(upsertStatusesSQL, p.checks, p.machines, p.heads, p.versions, p.seqs, p.values).Query(p.readStored)
}

func (p *statusPut) readOld(rows pgx.Rows) error {
	var key statusKey
	var old oldStatus
	_, err := pgx.ForEachRow(rows, []any{&key.check, &key.machine, &old.head, &old.status}, func() error {
		p.old[key] = old
		return nil
	})
	return err
}

func (p *statusPut) readStored(rows pgx.Rows) error {
	var key statusKey
	var previous *compliance.Status
	_, err := pgx.ForEachRow(rows, []any{&key.check, &key.machine, &previous}, func() error {
		change := StatusChange{Status: p.offered[key]}
		if old, ok := p.old[key]; ok {
			if old.head != change.Head {
				p.moved = append(p.moved, change.Head)
			}
			if old.status == change.Status.Status {
				return nil
			}
			previous = &old.status
		}
		if previous != nil { // somebody else's first status, stored between the two statements, is in the row
			value := *previous
			change.Previous = &value
		}
		p.changes = append(p.changes, change)
		return nil
	})
	return err
}

// CheckStatus is the stored result of a check for one machine.
type CheckStatus struct {
	SerialNumber string
	Status       compliance.Status
	Previous     *compliance.Status // nil: there was no other
	Version      int                // of the check that was evaluated
	Since        time.Time          // when Status took the place of Previous
	At           time.Time          // when it held last: the head's last_seen while Version is the check's, else Since
}

// A commit evaluates what it affects in its own transaction. So a status of the current version holds for the head as
// it is now, whatever seq it was computed at.
const listStatusesSQL = `
SELECT m.serial_number, s.status, s.previous_status, s.check_version, s.since,
       CASE WHEN s.check_version = c.version THEN h.last_seen ELSE s.since END
FROM check_status s
JOIN jmespath_check c ON c.id = s.check_id
JOIN head h ON h.id = s.head AND h.archived_at IS NULL
JOIN machine m ON m.id = s.machine
WHERE s.check_id = $1 AND m.serial_number > $2
  AND ($4::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($4)))
ORDER BY m.serial_number
LIMIT $3`

// ListStatuses returns the statuses of a check for the machines behind the serial number after, at most limit of them.
// Machines that are archived, not evaluated yet, or out of reach, have none.
func (s *Store) ListStatuses(ctx context.Context, check int64, after string, limit int) ([]CheckStatus, error) {
	rows, _ := s.pool.Query(ctx, listStatusesSQL, check, after, limit, auth.ReachOf(ctx).Tags) // its error comes back from CollectRows
	statuses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[CheckStatus])
	if err != nil {
		return nil, fmt.Errorf("statuses of check %d: %w", check, err)
	}
	return statuses, nil
}

const machineStatusesSQL = `
SELECT s.status FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL
WHERE s.machine = $1`

// OverallStatus returns the worst of what MachineStatuses lists, of any version; false when it lists none.
func (s *Store) OverallStatus(ctx context.Context, machine int64) (compliance.Status, bool, error) {
	rows, _ := s.pool.Query(ctx, machineStatusesSQL, machine) // its error comes back from CollectRows
	statuses, err := pgx.CollectRows(rows, pgx.RowTo[compliance.Status])
	if err != nil {
		return 0, false, fmt.Errorf("statuses of machine %d: %w", machine, err)
	}
	worst, ok := compliance.Overall(statuses)
	return worst, ok, nil
}
