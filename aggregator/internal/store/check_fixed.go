// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	// The journal of a database that was restored elsewhere is not what the cursor was read from: begin at its end. A new
	// one is read from its beginning.
	beginHistorySQL = `
INSERT INTO check_history_cursor AS c (epoch, xid, id)
VALUES (coalesce((SELECT epoch FROM database_epoch), '00000000-0000-0000-0000-000000000000'), '0', 0)
ON CONFLICT (only_row) DO UPDATE
SET epoch = excluded.epoch, xid = pg_snapshot_xmin(pg_current_snapshot()), id = 0
WHERE c.epoch <> excluded.epoch`

	lockHistorySQL = `SELECT xid::text::bigint, id FROM check_history_cursor FOR NO KEY UPDATE`

	// What is fixed belongs to the day on which it was, when that has a row: without one nobody would know how many
	// machines there were. Checks that are gone have no history.
	countFixedSQL = `
WITH page AS MATERIALIZED (
    SELECT xid, id, at, what, body FROM journal
    WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, id LIMIT $3
), fixed AS (
    SELECT s."check", (p.at AT TIME ZONE 'UTC')::date AS day, count(*) AS fixed, coalesce(sum(s.seconds), 0) AS seconds
    FROM page p
    CROSS JOIN LATERAL json_to_recordset(CASE WHEN p.what = 'status' THEN p.body END)
         AS s("check" bigint, status integer, previous integer, seconds bigint)
    WHERE s.status = 0 AND s.previous = 300
    GROUP BY 1, 2
), known AS (
    SELECT id FROM jmespath_check WHERE id IN (SELECT "check" FROM fixed) ORDER BY id FOR KEY SHARE
), put AS (
    INSERT INTO check_history AS h (check_id, day, fixed, fixed_seconds)
    SELECT f."check", coalesce(d.day, ` + today + `), sum(f.fixed), sum(f.seconds)
    FROM fixed f JOIN known k ON k.id = f."check"
    LEFT JOIN check_history d ON d.check_id = f."check" AND d.day = f.day
    GROUP BY 1, 2
    ON CONFLICT (check_id, day) DO UPDATE
    SET fixed = h.fixed + excluded.fixed, fixed_seconds = h.fixed_seconds + excluded.fixed_seconds
), moved AS (
    UPDATE check_history_cursor c SET xid = l.xid, id = l.id
    FROM (SELECT xid, id FROM page ORDER BY xid DESC, id DESC LIMIT 1) l
)
SELECT count(*) FROM page`
)

// CountFixed reads up to limit further entries of the journal and counts the machines that went from failed to OK, each
// change once, in the transaction that remembers how far it has read. It returns how many entries it read; fewer than
// limit: there are no more.
func (s *Store) CountFixed(ctx context.Context, limit int) (int, error) {
	read := 0
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, beginHistorySQL); err != nil {
			return err
		}
		var xid, id int64
		if err := tx.QueryRow(ctx, lockHistorySQL).Scan(&xid, &id); err != nil {
			return err
		}
		return tx.QueryRow(ctx, countFixedSQL, fmt.Sprint(xid), id, limit).Scan(&read)
	})
	if err != nil {
		return 0, fmt.Errorf("count what was fixed: %w", err)
	}
	return read, nil
}
