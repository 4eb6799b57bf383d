// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// What settles the overall status of machines comes in two statements, each of which sees what was committed while the
// one before it waited: two heads of one machine that change at once agree on the worst of both. With $2 every machine is
// looked at, otherwise only when this transaction has told of statuses.
const (
	// PostgreSQL locks rows that it finds there, although it never updates them.
	holdComplianceSQL = `
INSERT INTO machine_compliance AS c (machine)
SELECT DISTINCT o.machine FROM unnest($1::bigint[]) AS o(machine)
WHERE $2 OR EXISTS (SELECT FROM journal j WHERE j.xid = pg_current_xact_id() AND j.what = 'status')
ORDER BY o.machine
ON CONFLICT (machine) DO UPDATE SET status = c.status WHERE false`

	// waivedNow is true of a status s that is bad, but does not count. The clock is read after the row was locked: now()
	// may lie before the moment at which somebody else found that the waiver has expired.
	waivedNow = `
(s.status > 0 AND EXISTS (SELECT FROM waiver w
 WHERE w.check_id = s.check_id AND w.machine = s.machine AND w.expires_at > clock_timestamp()))`

	// worstOf is the overall status of the machine c.machine.
	worstOf = `
(SELECT max(CASE WHEN ` + waivedNow + ` THEN 0 ELSE s.status END)
 FROM head h JOIN check_status s ON s.head = h.id
 WHERE h.machine = c.machine AND h.archived_at IS NULL)`

	// Readers of the journal go by transaction. One that waited for the row may be older than the one that held it, so its
	// entry goes behind the other's; what is ahead of every transaction came with a dump of another cluster.
	settleComplianceSQL = `
WITH judged AS MATERIALIZED (
    SELECT c.machine, c.status AS previous, ` + worstOf + ` AS status
    FROM machine_compliance c
    WHERE c.machine = ANY ($1)
      AND ($2 OR EXISTS (SELECT FROM journal j WHERE j.xid = pg_current_xact_id() AND j.what = 'status'))
), settled AS (
    UPDATE machine_compliance c
    SET status = j.status, since = now(),
        xid = CASE WHEN c.xid < pg_snapshot_xmax(pg_current_snapshot()) THEN greatest(c.xid, pg_current_xact_id())
                   ELSE pg_current_xact_id() END
    FROM judged j
    WHERE c.machine = j.machine AND j.status IS DISTINCT FROM j.previous
    RETURNING c.machine, c.xid, j.status, j.previous
)
INSERT INTO journal (xid, what, machine, body)
SELECT xid, 'compliance', machine, json_strip_nulls(json_build_object('status', status, 'previous', previous))
FROM settled ORDER BY machine`
)

// settleCompliance brings the overall status of some machines up to date, within the transaction that changed which of
// their statuses count. It locks rows by machine: nothing may be locked after it.
func settleCompliance(ctx context.Context, tx pgx.Tx, machines []int64) error {
	if len(machines) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	queueSettle(batch, machines, true)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("settle the compliance of %d machines: %w", len(machines), err)
	}
	return nil
}

// queueSettle is settleCompliance in a pipeline. Unless all is set, the machines are passed over when no earlier statement
// of the transaction told of a status.
func queueSettle(batch *pgx.Batch, machines []int64, all bool) {
	batch.Queue(holdComplianceSQL, machines, all)
	batch.Queue(settleComplianceSQL, machines, all)
}

// Overall is the status of a machine by all its checks.
type Overall struct {
	Status compliance.Status
	Since  time.Time
}

const overallSQL = `SELECT status, since FROM machine_compliance WHERE machine = $1 AND status IS NOT NULL`

// OverallStatus returns the worst of the stored statuses of a machine, of any version, that are not waived; false when
// it has none. Statuses of archived heads do not count.
func (s *Store) OverallStatus(ctx context.Context, machine int64) (Overall, bool, error) {
	var o Overall
	err := s.pool.QueryRow(ctx, overallSQL, machine).Scan(&o.Status, &o.Since)
	if errors.Is(err, pgx.ErrNoRows) {
		return Overall{}, false, nil
	}
	if err != nil {
		return Overall{}, false, fmt.Errorf("overall status of machine %d: %w", machine, err)
	}
	return o, true, nil
}

// A waiver that somebody renews at this moment is locked, and passed over.
const expireWaiversSQL = `
WITH expired AS (
    SELECT id FROM waiver
    WHERE expires_at <= now() AND ended_at IS NULL
    ORDER BY machine, id LIMIT $1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE waiver w SET ended_at = now() FROM expired e WHERE w.id = e.id
RETURNING w.machine`

// ExpireWaivers makes what up to limit waivers kept from counting count again, those that have expired since, in one
// transaction, and returns how many. Fewer than limit: there are no more.
func (s *Store) ExpireWaivers(ctx context.Context, limit int) (int, error) {
	var machines []int64
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, expireWaiversSQL, limit) // its error comes back from CollectRows
		var err error
		if machines, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return err
		}
		return settleCompliance(ctx, tx, machines)
	})
	if err != nil {
		return 0, fmt.Errorf("expire waivers: %w", err)
	}
	return len(machines), nil
}
