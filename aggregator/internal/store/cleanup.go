// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// cleanedHeads and cleanedChanges bound one transaction of CleanHistory.
	cleanedHeads   = 200
	cleanedChanges = 10_000
)

// Cleaned tells what CleanHistory deleted.
type Cleaned struct {
	Until     time.Time // changes before it are gone, but for the newest of each head
	Changes   int64
	Snapshots int64 // contents of heads, each different one once, that nothing kept has any more
	Batches   int
}

// historyLeft is what the audit log says of a cleanup.
type historyLeft struct {
	Days  int       `json:"days"`
	Since time.Time `json:"since"` // changes from then on are left
}

const (
	cleanUntilSQL = `SELECT now() - make_interval(days => $1)`
	// Nobody is to read history from before, so this comes first.
	raiseFloorSQL   = `UPDATE history_floor SET at = greatest(at, $1)`
	headsToCleanSQL = `SELECT count(*) FROM head`
)

// CleanHistory deletes the changes that are older than so many days. The newest change of a head stays whatever its
// age, and so do heads. The journal tells that it begins; see RecordCleanupFinished. It calls progress between its
// transactions with how many heads it looked at, and how many there are. What it deleted before an error stays deleted.
func (s *Store) CleanHistory(ctx context.Context, days int, progress func(done, total int64)) (Cleaned, error) {
	var c Cleaned
	var total int64
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, cleanUntilSQL, days).Scan(&c.Until); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, raiseFloorSQL, c.Until); err != nil {
			return err
		}
		if err := recordCleanupBegun(ctx, tx, days, &c); err != nil || !asked(ctx) {
			return err
		}
		return record(ctx, tx, Audit{Action: "cleaned", Object: "history", After: historyLeft{days, c.Until.UTC()}})
	})
	if err == nil {
		err = s.pool.QueryRow(ctx, headsToCleanSQL).Scan(&total)
	}
	for after, done := int64(0), int64(0); err == nil; {
		var heads int64
		if heads, after, err = s.cleanBatch(ctx, after, &c); err != nil || heads == 0 {
			break
		}
		done += heads
		progress(min(done, total), total)
	}
	if err != nil {
		return c, fmt.Errorf("clean history: %w", err)
	}
	return c, nil
}

const (
	// One at a time, on however many aggregators.
	holdFloorSQL = `SELECT FROM history_floor FOR UPDATE`
	// The locks keep prunes away, which delete the same rows, and nobody else.
	cleanHeadsSQL = `SELECT id FROM head WHERE id > $1 ORDER BY id LIMIT $2 FOR KEY SHARE`

	// The oldest of a head first: what is left is never without a change in its middle.
	deleteChangesSQL = `
WITH old AS (
    SELECT c.head, c.seq, c.at
    FROM head h JOIN change c ON c.head = h.id AND c.seq < h.seq AND c.at < $2
    WHERE h.id = ANY ($1)
    ORDER BY c.head, c.seq
    LIMIT $3
), gone AS (
    DELETE FROM change c USING old
    WHERE c.head = old.head AND c.seq = old.seq AND c.at = old.at AND c.at < $2
    RETURNING c.head, c.root
)
SELECT head, root, count(*) FROM gone GROUP BY head, root`

	goneRootsSQL = `
SELECT count(*) FROM unnest($1::bigint[], $2::bytea[]) AS g(head, root)
WHERE NOT EXISTS (SELECT FROM change c WHERE c.head = g.head AND c.root = g.root)
  AND NOT EXISTS (SELECT FROM head h WHERE h.id = g.head AND h.root = g.root)`
)

// cleanBatch cleans up the heads behind one, and returns how many those are and the last of them.
func (s *Store) cleanBatch(ctx context.Context, after int64, c *Cleaned) (heads, last int64, err error) {
	last = after
	for again := true; again; {
		var changes, snapshots int64
		err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, holdFloorSQL); err != nil {
				return err
			}
			rows, _ := tx.Query(ctx, cleanHeadsSQL, after, cleanedHeads) // its error comes back from CollectRows
			ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil || len(ids) == 0 {
				return err
			}
			heads, last = int64(len(ids)), ids[len(ids)-1]
			changes, snapshots, err = deleteChanges(ctx, tx, ids, c.Until)
			return err
		})
		if err != nil {
			return 0, after, err
		}
		c.Changes += changes
		c.Snapshots += snapshots
		c.Batches++
		again = changes == cleanedChanges
	}
	return heads, last, nil
}

func deleteChanges(ctx context.Context, tx pgx.Tx, heads []int64, until time.Time) (changes, snapshots int64, err error) {
	rows, _ := tx.Query(ctx, deleteChangesSQL, heads, until, cleanedChanges) // its error comes back from ForEachRow
	var of []int64
	var roots [][]byte
	var head, n int64
	var root []byte
	_, err = pgx.ForEachRow(rows, []any{&head, &root, &n}, func() error {
		of, roots = append(of, head), append(roots, root)
		changes += n
		return nil
	})
	if err != nil || changes == 0 {
		return changes, 0, err
	}
	err = tx.QueryRow(ctx, goneRootsSQL, of, roots).Scan(&snapshots)
	return changes, snapshots, err
}

const historyFloorSQL = `SELECT at FROM history_floor`

// historyFloor returns from when on every change is kept that partitions hold; the zero time is always.
func historyFloor(ctx context.Context, db querier) (time.Time, error) {
	var at *time.Time
	if err := db.QueryRow(ctx, historyFloorSQL).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("floor of history: %w", notFound(err))
	}
	if at == nil {
		return time.Time{}, nil
	}
	return *at, nil
}
