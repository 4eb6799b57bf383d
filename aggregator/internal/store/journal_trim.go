// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A floor that lies ahead of every transaction so far is one of the cluster that this database was dumped from.
const (
	journalFloorSQL = `
SELECT coalesce(max(xid::text::bigint), 0), coalesce(max(id), 0) FROM journal_floor WHERE xid < pg_snapshot_xmax(pg_current_snapshot())`
	lockJournalFloorSQL = `SELECT FROM journal_floor FOR NO KEY UPDATE`

	// The oldest entries as far as each is old enough: an entry that is not holds back those behind it. So does one that a
	// sink has not dealt with, for a while.
	oldEntriesSQL = `
SELECT xid::text::bigint, id, place
FROM (SELECT xid, id, row_number() OVER o AS place,
             bool_and(at < now() - make_interval(days => $3)
                      AND ((xid, id) <= ($5::text::xid8, $6) OR at < now() - make_interval(days => $7))) OVER o AS old
      FROM (SELECT xid, id, at FROM journal
            WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY xid, id LIMIT $4) first
      WINDOW o AS (ORDER BY xid, id)) numbered
WHERE old
ORDER BY place DESC
LIMIT 1`
	trimJournalSQL     = `DELETE FROM journal WHERE (xid, id) <= ($1::text::xid8, $2)`
	setJournalFloorSQL = `UPDATE journal_floor SET xid = $1::text::xid8, id = $2`

	// Entries that a restored dump brought along lie ahead of this cluster's transactions, where no reader sees them.
	dropForeignEntriesSQL = `
DELETE FROM journal WHERE (xid, id) IN (
    SELECT xid, id FROM journal
    WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()) AND at < now() - make_interval(days => $1)
    ORDER BY xid, id LIMIT $2)`
)

// JournalFloor returns the position up to which the journal was trimmed; the zero Position when it is whole. Whoever
// has read up to a position before it has missed entries, and has to begin anew.
func (s *Store) JournalFloor(ctx context.Context) (Position, error) {
	p, err := journalFloor(ctx, s.pool)
	if err != nil {
		return Position{}, fmt.Errorf("journal floor: %w", err)
	}
	return p, nil
}

func journalFloor(ctx context.Context, db querier) (Position, error) {
	var xid, id int64
	err := db.QueryRow(ctx, journalFloorSQL).Scan(&xid, &id)
	return Position{XID: uint64(xid), ID: id}, err
}

// TrimJournal deletes up to limit entries of the journal that are older than the given number of days, the oldest first,
// in one transaction that also moves the floor, and returns how many. Fewer than limit: there is no more to trim. What
// an enabled sink has not dealt with stays longer, up to CapDays.
func (s *Store) TrimJournal(ctx context.Context, days, limit int) (int, error) {
	trimmed := 0
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockJournalFloorSQL); err != nil {
			return err
		}
		floor, err := journalFloor(ctx, tx)
		if err != nil {
			return err
		}
		slowest, err := slowestSink(ctx, tx)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, oldEntriesSQL, fmt.Sprint(floor.XID), floor.ID, days, limit,
			fmt.Sprint(slowest.XID), slowest.ID, CapDays(days)) // its error comes back from CollectRows
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ XID, ID, Place int64 }])
		if err != nil {
			return err
		}
		for _, last := range found { // one, or none
			if _, err := tx.Exec(ctx, trimJournalSQL, fmt.Sprint(last.XID), last.ID); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, setJournalFloorSQL, fmt.Sprint(last.XID), last.ID); err != nil {
				return err
			}
			trimmed = int(last.Place)
		}
		if trimmed == limit {
			return nil
		}
		tag, err := tx.Exec(ctx, dropForeignEntriesSQL, days, limit-trimmed)
		trimmed += int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("trim the journal: %w", err)
	}
	return trimmed, nil
}
