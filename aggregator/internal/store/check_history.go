// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// historyDays is how many days back the history of checks is kept.
const historyDays = 366

// CheckDay is what became of a check in one day: how many live machines in its scope stood how when they were counted
// last, and how many it stopped finding fault with.
type CheckDay struct {
	Day                          time.Time // its beginning, UTC
	OK, Pending, Unknown, Failed int       // Unknown and Failed without those that are waived
	Waived                       int
	Fixed                        int           // went from failed to OK
	FixedAfter                   time.Duration // how long those had failed, added up
}

const checkHistorySQL = `
SELECT day, ok, pending, unknown, failed, waived, fixed, fixed_seconds
FROM check_history WHERE check_id = $1 AND day >= ($2::timestamptz AT TIME ZONE 'UTC')::date
ORDER BY day`

// CheckHistory returns the days of a check since a moment, the oldest first. A day on which no aggregator ran is missing.
func (s *Store) CheckHistory(ctx context.Context, check int64, since time.Time) ([]CheckDay, error) {
	rows, _ := s.pool.Query(ctx, checkHistorySQL, check, since) // its error comes back from CollectRows
	days, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d CheckDay, err error) {
		var seconds int64
		err = row.Scan(&d.Day, &d.OK, &d.Pending, &d.Unknown, &d.Failed, &d.Waived, &d.Fixed, &seconds)
		d.FixedAfter = time.Duration(seconds) * time.Second
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("history of check %d: %w", check, err)
	}
	return days, nil
}

const (
	today = `(now() AT TIME ZONE 'UTC')::date`

	// A machine is counted once: as waived where a waiver lets it off UNKNOWN or FAILED, or by its status of the current version, or as pending when a live head of it
	// is in scope.
	countCheckSQL = `
WITH c AS MATERIALIZED (
    SELECT id, version, lower(source_name) AS source, platforms, tags FROM jmespath_check WHERE id = $1 FOR KEY SHARE
), judged AS (
    SELECT s.machine, s.status
    FROM c JOIN check_status s ON s.check_id = c.id AND s.check_version = c.version
    JOIN head h ON h.id = s.head AND h.archived_at IS NULL
), scope AS (
    SELECT DISTINCT h.machine
    FROM c JOIN source o ON lower(o.name) = c.source
    JOIN head h ON h.source = o.id AND h.archived_at IS NULL
    LEFT JOIN head_summary u ON u.head = h.id
    WHERE (cardinality(c.platforms) = 0 OR u.platform = ANY (c.platforms))
      AND (cardinality(c.tags) = 0 OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = h.machine AND t.tag = ANY (c.tags)))
), stands AS (
    SELECT j.status, w.machine IS NOT NULL AND j.status > 0 AS waived
    FROM scope FULL JOIN judged j USING (machine)
    LEFT JOIN (SELECT machine FROM waiver WHERE check_id = $1 AND expires_at > now()) w USING (machine)
), counted AS (
    SELECT count(*) FILTER (WHERE status = 0) AS ok, count(*) FILTER (WHERE status IS NULL) AS pending,
           count(*) FILTER (WHERE NOT waived AND status = 200) AS unknown, count(*) FILTER (WHERE NOT waived AND status = 300) AS failed,
           count(*) FILTER (WHERE waived) AS waived
    FROM stands
)
INSERT INTO check_history (check_id, day, ok, pending, unknown, failed, waived)
SELECT c.id, ` + today + `, n.ok, n.pending, n.unknown, n.failed, n.waived FROM c CROSS JOIN counted n
ON CONFLICT (check_id, day) DO UPDATE
SET ok = excluded.ok, pending = excluded.pending, unknown = excluded.unknown, failed = excluded.failed, waived = excluded.waived`

	forgetDaysSQL = `DELETE FROM check_history WHERE day < ` + today + ` - $1::integer`
)

// CountChecks writes down how the fleet stands with each check today, each in a transaction of its own, and forgets what
// is older than a year.
func (s *Store) CountChecks(ctx context.Context) error {
	checks, err := s.CheckIDs(ctx)
	if err != nil {
		return err
	}
	for _, check := range checks {
		err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, countCheckSQL, check)
			return err
		})
		if err != nil {
			return fmt.Errorf("count the machines of check %d: %w", check, err)
		}
	}
	if _, err := s.pool.Exec(ctx, forgetDaysSQL, historyDays); err != nil {
		return fmt.Errorf("forget the history of checks: %w", err)
	}
	return nil
}
