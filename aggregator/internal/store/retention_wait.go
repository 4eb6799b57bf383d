// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
)

// maxWaitDays is how long retention waits for sinks at the most.
const maxWaitDays = 14

// CapDays is after how many days something goes that is usually kept for some days, though a sink has not dealt with it:
// twice as many, but not more than two weeks later.
func CapDays(days int) int { return days + min(days, maxWaitDays) }

const (
	// Whoever is disabled holds nothing up, a probe that is gone neither, and neither does a position of another epoch.
	waitedForSQL = `
FROM sink s
WHERE s.disabled_at IS NULL AND s.epoch = (SELECT epoch FROM database_epoch)
  AND (NOT starts_with(s.name, '` + probeSinks + `') OR EXISTS (SELECT FROM probe p WHERE p.enabled AND s.name = '` + probeSinks + `' || p.id))`

	slowestSinkSQL = `SELECT s.xid::text::bigint, s.id` + waitedForSQL + ` ORDER BY s.xid, s.id LIMIT 1`

	// A change is as old as its entry in the journal.
	keepSinceSQL = `
SELECT greatest(now() - make_interval(days => $2), least(now() - make_interval(days => $1), (
    SELECT j.at FROM journal j
    WHERE (j.xid, j.id) > (SELECT s.xid, s.id` + waitedForSQL + ` ORDER BY s.xid, s.id LIMIT 1)
      AND j.xid < pg_snapshot_xmax(pg_current_snapshot())
    ORDER BY j.xid, j.id LIMIT 1)))`
)

// slowestSink returns the position of the enabled sink that is behind all others; without sinks that behind everything.
func slowestSink(ctx context.Context, db querier) (Position, error) {
	var xid, id int64
	err := db.QueryRow(ctx, slowestSinkSQL).Scan(&xid, &id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Position{XID: math.MaxInt64, ID: math.MaxInt64}, nil
	case err != nil:
		return Position{}, fmt.Errorf("slowest sink: %w", err)
	}
	return Position{XID: uint64(xid), ID: id}, nil
}

const markMissedSQL = `
UPDATE sink SET missed_at = now()
WHERE name IN (SELECT s.name` + waitedForSQL + `)
  AND (xid, id) < (SELECT xid, id FROM journal_floor WHERE xid < pg_snapshot_xmax(pg_current_snapshot()))
  AND (missed_at IS NULL OR missed_at < now() - interval '1 hour')
RETURNING name`

// MarkMissed notes with each enabled sink whether entries were trimmed that it has not dealt with, and returns their
// names: each at most once an hour.
func (s *Store) MarkMissed(ctx context.Context) ([]string, error) {
	rows, _ := s.pool.Query(ctx, markMissedSQL) // its error comes back from CollectRows
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("mark sinks that missed entries: %w", err)
	}
	return names, nil
}
