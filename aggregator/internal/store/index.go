// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// IndexHead is what the index keeps of one head, archived or not, all of one moment.
type IndexHead struct {
	ID        int64
	Machine   int64
	Serial    string
	Source    int32
	Seq       int64
	ChangedAt time.Time
	LastSeen  time.Time
	Archived  bool
	Summary   Summary
	User      PrincipalUser
	Tags      []int64 // of the machine, ascending
	Statuses  []IndexStatus
	Overall   *compliance.Status // of the machine; nil: none

	Whole  bool         // Rows are all sections that can hold shared assets; otherwise Deltas lead there
	Rows   []pack.Row   // for pack.AppendSharedIDs
	Deltas []pack.Delta // what happened behind the change that the reader knows, in order
}

// IndexStatus is the stored result of a check for the machine, as computed from this head.
type IndexStatus struct {
	Check  int64
	Status compliance.Status
}

// IndexKnown is up to where a reader knows a head.
type IndexKnown struct {
	Seq       int64
	ChangedAt time.Time
}

const (
	indexHeadColumns = `
SELECT h.id, h.machine, m.serial_number, h.source, h.seq, h.changed_at, h.last_seen, h.archived_at IS NOT NULL,
       coalesce(u.computer_name, ''), coalesce(u.platform, ''), coalesce(u.type, ''), coalesce(u.os_version, ''),
       coalesce(u.hardware_model, ''), coalesce(u.business_unit, 0),
       coalesce(p.unique_id, ''), coalesce(p.principal_name, ''), coalesce(p.display_name, ''),
       ARRAY(SELECT t.tag FROM machine_tag t WHERE t.machine = h.machine ORDER BY t.tag),
       (SELECT c.status FROM machine_compliance c WHERE c.machine = h.machine)`

	// Row by row, whatever the planner thinks of the tables: after an enrolment storm it takes them for small until they
	// are analysed, and would read all of them for each batch.
	indexHeadJoins = `
JOIN LATERAL (SELECT serial_number FROM machine WHERE id = h.machine OFFSET 0) m ON true
LEFT JOIN LATERAL (
	SELECT computer_name, platform, type, os_version, hardware_model, business_unit FROM head_summary WHERE head = h.id OFFSET 0
) u ON true
LEFT JOIN LATERAL (
	SELECT unique_id, principal_name, display_name FROM head_principal_user WHERE head = h.id OFFSET 0
) p ON true
ORDER BY h.id`

	indexHeadsSQL = indexHeadColumns + `
FROM (SELECT * FROM head WHERE id > $1 ORDER BY id LIMIT $2) h` + indexHeadJoins

	indexMachinesSQL = indexHeadColumns + `
FROM (SELECT * FROM head WHERE machine = ANY ($1)) h` + indexHeadJoins

	countHeadsSQL = `SELECT count(*) FROM head`
)

// CountHeads returns how many heads there are, archived ones among them.
func (s *Store) CountHeads(ctx context.Context) (int64, error) {
	var n int64
	if err := s.pool.QueryRow(ctx, countHeadsSQL).Scan(&n); err != nil {
		return 0, fmt.Errorf("count heads: %w", err)
	}
	return n, nil
}

// IndexHeads returns up to limit heads behind an id, by id, whole. Each call is a short transaction of its own.
func (s *Store) IndexHeads(ctx context.Context, after int64, limit int) ([]IndexHead, error) {
	var heads []IndexHead
	err := s.inSnapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, indexHeadsSQL, after, limit) // its error comes back from CollectRows
		var err error
		if heads, err = pgx.CollectRows(rows, scanIndexHead); err != nil {
			return err
		}
		for i := range heads {
			heads[i].Whole = true
		}
		return completeIndexHeads(ctx, tx, heads, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("heads for the index: %w", err)
	}
	return heads, nil
}

// IndexMachines returns all heads of machines as they are now, by id. Heads that known has come with the changes behind
// it where those are kept without a gap, all others whole. A machine that was pruned has none.
func (s *Store) IndexMachines(ctx context.Context, machines []int64, known map[int64]IndexKnown) ([]IndexHead, error) {
	var heads []IndexHead
	err := s.inSnapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, indexMachinesSQL, machines) // its error comes back from CollectRows
		var err error
		if heads, err = pgx.CollectRows(rows, scanIndexHead); err != nil {
			return err
		}
		return completeIndexHeads(ctx, tx, heads, known)
	})
	if err != nil {
		return nil, fmt.Errorf("machines for the index: %w", err)
	}
	return heads, nil
}

func scanIndexHead(row pgx.CollectableRow) (IndexHead, error) {
	var h IndexHead
	err := row.Scan(&h.ID, &h.Machine, &h.Serial, &h.Source, &h.Seq, &h.ChangedAt, &h.LastSeen, &h.Archived,
		&h.Summary.ComputerName, &h.Summary.Platform, &h.Summary.Type, &h.Summary.OSVersion, &h.Summary.HardwareModel, &h.Summary.BusinessUnit,
		&h.User.UniqueID, &h.User.PrincipalName, &h.User.DisplayName, &h.Tags, &h.Overall)
	return h, err
}

// completeIndexHeads adds statuses, and changes or sections. Heads are by ascending id.
func completeIndexHeads(ctx context.Context, tx pgx.Tx, heads []IndexHead, known map[int64]IndexKnown) error {
	if len(heads) == 0 {
		return nil
	}
	byID := make(map[int64]*IndexHead, len(heads))
	ids := make([]int64, len(heads))
	for i := range heads {
		byID[heads[i].ID] = &heads[i]
		ids[i] = heads[i].ID
	}
	if err := addIndexStatuses(ctx, tx, ids, byID); err != nil {
		return err
	}
	if err := addIndexDeltas(ctx, tx, heads, byID, known); err != nil {
		return err
	}
	return addIndexRows(ctx, tx, heads, byID)
}

const indexStatusesSQL = `
SELECT head, check_id, status FROM check_status WHERE head = ANY ($1) ORDER BY head, check_id`

func addIndexStatuses(ctx context.Context, tx pgx.Tx, ids []int64, byID map[int64]*IndexHead) error {
	rows, _ := tx.Query(ctx, indexStatusesSQL, ids) // its error comes back from ForEachRow
	var head int64
	var status IndexStatus
	_, err := pgx.ForEachRow(rows, []any{&head, &status.Check, &status.Status}, func() error {
		byID[head].Statuses = append(byID[head].Statuses, status)
		return nil
	})
	return err
}

// Comparing times keeps PostgreSQL from looking into partitions that are older than what is known.
const indexChangesSQL = `
SELECT c.head, c.seq, c.delta
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS k(head, seq, at)
JOIN change c ON c.head = k.head AND c.seq > k.seq AND c.at > k.at
WHERE c.at > $4
ORDER BY c.head, c.seq`

// addIndexDeltas reads the changes of heads that moved on; those with a gap, or unknown, or fallen back, become whole.
func addIndexDeltas(ctx context.Context, tx pgx.Tx, heads []IndexHead, byID map[int64]*IndexHead, known map[int64]IndexKnown) error {
	var ids, seqs []int64
	var times []time.Time
	var oldest time.Time
	reached := map[int64]int64{}
	for i := range heads {
		h := &heads[i]
		k, ok := known[h.ID]
		if h.Whole = !ok || k.Seq > h.Seq; h.Whole || k.Seq == h.Seq {
			continue
		}
		ids, seqs, times = append(ids, h.ID), append(seqs, k.Seq), append(times, k.ChangedAt)
		reached[h.ID] = k.Seq
		if oldest.IsZero() || k.ChangedAt.Before(oldest) {
			oldest = k.ChangedAt
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, indexChangesSQL, ids, seqs, times, oldest) // its error comes back from ForEachRow
	var head, seq int64
	var delta []byte
	_, err := pgx.ForEachRow(rows, []any{&head, &seq, &delta}, func() error {
		deltas, err := pack.DecodeDeltas(delta)
		if err != nil || seq != reached[head]+1 {
			return nil //nolint:nilerr // damage and gaps both leave the head short of its seq below; fsck tells damage
		}
		reached[head] = seq
		byID[head].Deltas = append(byID[head].Deltas, deltas...)
		return nil
	})
	for id, seq := range reached {
		h := byID[id]
		if h.Whole = seq != h.Seq; h.Whole {
			h.Deltas = nil
		}
	}
	return err
}

// Rows of private sections are left out; the small ones share the row with the empty kind.
const indexRowsSQL = `
SELECT head, kind, base, tail, digest FROM head_section WHERE head = ANY ($1) AND kind <> ALL ($2)`

func addIndexRows(ctx context.Context, tx pgx.Tx, heads []IndexHead, byID map[int64]*IndexHead) error {
	var ids []int64
	for i := range heads {
		if heads[i].Whole {
			ids = append(ids, heads[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, indexRowsSQL, ids, privateKinds()) // its error comes back from ForEachRow
	var head int64
	var row pack.Row
	_, err := pgx.ForEachRow(rows, []any{&head, &row.Kind, &row.Base, &row.Tail, &row.Digest}, func() error {
		byID[head].Rows = append(byID[head].Rows, row)
		return nil
	})
	return err
}

func privateKinds() []string {
	kinds := []string{pack.KindAdded}
	for _, k := range snapshot.Kinds() {
		if !k.Shared {
			kinds = append(kinds, k.Name)
		}
	}
	return kinds
}
