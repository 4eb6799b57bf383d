// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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

// A status is another one in this transaction exactly when its row says since now(), and is not the row that was there:
//   - a first status takes the column's default, and one that differs from the stored one is set to now();
//   - the same status again keeps its since, the start of an earlier transaction. Another transaction may have begun in
//     the same microsecond, so that row must differ from the one that this statement found;
//   - a first status that somebody else stored meanwhile is updated like any other, since ON CONFLICT waits for it: its
//     previous_status is right. This statement cannot see that row, and takes it to have held for no time;
//   - no transaction stores a status twice: putStatuses takes each (check, machine) once, and is called once.
//
// A head that was pruned meanwhile has no statuses any more. A head whose status was another head's is told of too, since
// readers look at machines that are told of.
const (
	lockStatusesSQL = `
SELECT FROM check_status s
JOIN unnest($1::bigint[], $2::bigint[]) AS o(check_id, machine) USING (check_id, machine)
ORDER BY s.check_id, s.machine
FOR UPDATE OF s`

	upsertStatusesSQL = `
WITH found AS (
    SELECT s.check_id, s.machine, s.head, s.status, s.since
    FROM check_status s JOIN unnest($1::bigint[], $2::bigint[]) AS o(check_id, machine) USING (check_id, machine)
), put AS (
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
    RETURNING s.check_id, s.machine, s.head, s.check_version, s.head_seq, s.status, s.previous_status, s.since
), judged AS (
    SELECT p.*, f.head <> p.head AS moved,
           p.since = now() AND (p.status, p.since) IS DISTINCT FROM (f.status, f.since) AS changed,
           CASE WHEN p.previous_status IS NOT NULL THEN greatest(0, extract(epoch FROM now() - coalesce(f.since, now())))::bigint END AS seconds
    FROM put p LEFT JOIN found f USING (check_id, machine)
), told AS (
    INSERT INTO journal (what, machine, head, seq, detail, body)
    SELECT 'status', machine, head, max(head_seq), $7::text,
           json_agg(json_strip_nulls(json_build_object('check', check_id, 'version', check_version, 'status', status,
               'previous', previous_status, 'seconds', seconds)) ORDER BY check_id) FILTER (WHERE changed)
    FROM judged
    GROUP BY machine, head
    HAVING bool_or(changed OR moved)
    ORDER BY head
)
SELECT check_id, machine, previous_status, changed FROM judged WHERE changed OR moved
ORDER BY check_id, machine`
)

// putStatuses stores statuses within a transaction, each (check, machine) at most once, and tells the journal and the
// caller which differ from the stored one. A result that is not newer than the stored one, by version and then by seq, is
// passed over.
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

// statusPut is one call of putStatuses.
type statusPut struct {
	checks, machines, heads, seqs []int64
	versions                      []int32
	values                        []int16
	seen                          string // when the source saw the machine, if it said so itself; else ""
	offered                       map[statusKey]Status
	changes                       []StatusChange
	unsettled                     []int64 // machines of changes, and of statuses that were another head's
}

func newStatusPut(statuses []Status) *statusPut {
	p := &statusPut{offered: make(map[statusKey]Status, len(statuses))}
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
	batch.Queue(lockStatusesSQL, p.checks, p.machines)
	batch.Queue(upsertStatusesSQL, p.checks, p.machines, p.heads, p.versions, p.seqs, p.values, p.seen).Query(p.readStored)
}

func (p *statusPut) readStored(rows pgx.Rows) error {
	var key statusKey
	var previous *compliance.Status
	var changed bool
	_, err := pgx.ForEachRow(rows, []any{&key.check, &key.machine, &previous, &changed}, func() error {
		p.unsettled = append(p.unsettled, key.machine)
		if !changed {
			return nil
		}
		change := StatusChange{Status: p.offered[key]}
		if previous != nil {
			value := *previous
			change.Previous = &value
		}
		p.changes = append(p.changes, change)
		return nil
	})
	return err
}
