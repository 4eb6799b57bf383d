// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// IndexEntry is a hint from the journal: which machine to look at again.
type IndexEntry struct {
	Position
	What    string
	Machine int64 // 0: none
	Settled bool  // no entry can come before it any more
}

const (
	indexStartSQL = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint`

	// Entries ahead of every transaction came with a dump of another cluster.
	indexJournalSQL = `
SELECT xid::text::bigint, id, what, coalesce(machine, 0), xid < pg_snapshot_xmin(pg_current_snapshot())
FROM journal
WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmax(pg_current_snapshot())
ORDER BY xid, id
LIMIT $3`
)

// IndexStart returns the position behind which every entry lies whose transaction a reader that begins now may miss.
func (s *Store) IndexStart(ctx context.Context) (Position, error) {
	var xid int64
	if err := s.pool.QueryRow(ctx, indexStartSQL).Scan(&xid); err != nil {
		return Position{}, fmt.Errorf("end of the journal: %w", err)
	}
	return Position{XID: uint64(xid)}, nil
}

// IndexJournal returns up to limit entries behind a position, in order. Unlike Tail it does not wait for older
// transactions: what is committed is there, but a reader may only move its position past settled entries, which come
// first, and has to expect others in front of an unsettled one.
func (s *Store) IndexJournal(ctx context.Context, after Position, limit int) ([]IndexEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	rows, _ := s.pool.Query(ctx, indexJournalSQL, fmt.Sprint(after.XID), after.ID, limit) // its error comes back from CollectRows
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (IndexEntry, error) {
		var e IndexEntry
		var xid int64
		err := row.Scan(&xid, &e.ID, &e.What, &e.Machine, &e.Settled)
		e.XID = uint64(xid)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return entries, nil
}
