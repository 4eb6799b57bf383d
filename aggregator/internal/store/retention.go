// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// detachLimit is how long detaching waits for each transaction that reads or writes the change log: longer than any
	// of the program's own lasts. It holds nothing meanwhile that they need.
	detachLimit = maxTransaction + 15*time.Second
	// finishLimit is how long finishing an interrupted detachment, and dropping a table, waits for a lock. Finishing has a
	// transaction id, which holds up everybody who tails the journal.
	finishLimit = 2 * time.Second
	// finishPause lies between two looks whether the transactions that were there before have ended.
	finishPause = 500 * time.Millisecond
)

// A table that is named like a week belongs to the log: attached, being detached, or detached and not dropped yet.
const weeksSQL = `
SELECT c.relname::text, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
FROM pg_class c
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'change'::regclass
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'change'::regclass)
  AND c.relkind = 'r' AND c.relname ~ '^change_[0-9]{8}$'
ORDER BY c.relname`

// weekTable is the table of one week of the change log.
type weekTable struct {
	Name      string
	Attached  bool
	Detaching bool // begun, and interrupted
}

// DropExpiredWeeks drops the weeks of the change log that ended the given number of days ago, the oldest first, and
// returns their names. Nobody waits for it: a week is detached beside readers and commits, once those that were there
// before have ended; what lasts longer than our own transactions do, a backup for example, makes it give up with an
// error. What an earlier call began it finishes. A week that cannot be dropped, being used by a view for example, keeps
// no other one; the error names it. A week that an enabled sink has still to tell of stays longer, up to CapDays.
func (s *Store) DropExpiredWeeks(ctx context.Context, days int) (dropped []string, err error) {
	err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "RESET lock_timeout") }() // a connection that is broken is not used again
		dropped, err = dropExpiredWeeks(ctx, conn, days)
		return err
	})
	if err != nil {
		return dropped, fmt.Errorf("retention of the change log: %w", err)
	}
	return dropped, nil
}

func dropExpiredWeeks(ctx context.Context, conn *pgxpool.Conn, days int) (dropped []string, err error) {
	var since time.Time
	if err := conn.QueryRow(ctx, keepSinceSQL, days, CapDays(days)).Scan(&since); err != nil {
		return nil, err
	}
	rows, _ := conn.Query(ctx, weeksSQL) // its error comes back from CollectRows
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[weekTable])
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		if table.Detaching { // of whatever age: PostgreSQL detaches one at a time
			if err := finishDetaching(ctx, conn, table.Name); err != nil {
				return dropped, fmt.Errorf("finish detaching %s: %w", table.Name, err)
			}
		}
	}
	var kept error // why some could not be dropped, for example because somebody made a view of them
	for _, table := range tables {
		monday, err := time.Parse(partitionLayout, table.Name)
		if err != nil || monday.Add(week).After(since) {
			continue // no date, or wanted
		}
		if err := detachWeek(ctx, conn, table); err != nil {
			return dropped, errors.Join(kept, fmt.Errorf("detach %s: %w", table.Name, err)) // a newer one must not go first
		}
		if err := limited(ctx, conn, finishLimit, "DROP TABLE IF EXISTS "+table.Name); err != nil {
			kept = errors.Join(kept, fmt.Errorf("drop %s: %w", table.Name, err))
			continue
		}
		dropped = append(dropped, table.Name)
	}
	return dropped, kept
}

// detachWeek detaches a week, if it is still attached; its statements are built from a date alone.
func detachWeek(ctx context.Context, conn *pgxpool.Conn, table weekTable) error {
	if !table.Attached || table.Detaching { // what was being detached is finished by now
		return nil
	}
	// Not in a transaction: it commits in the middle, waits for those who may still use the partition, and only then
	// locks it.
	err := limited(ctx, conn, detachLimit, "ALTER TABLE change DETACH PARTITION "+table.Name+" CONCURRENTLY")
	if lockTimedOut(err) {
		return finishDetaching(ctx, conn, table.Name)
	}
	return err
}

// finishDetaching takes a detachment up again that was interrupted after its first half. It locks the partition before it
// waits for older transactions, and some of those may still want to read it: so it waits for them first.
func finishDetaching(ctx context.Context, conn *pgxpool.Conn, name string) error {
	for {
		free, err := noOlderTransaction(ctx, conn)
		if err != nil {
			return err
		}
		if free {
			err := limited(ctx, conn, finishLimit, "ALTER TABLE change DETACH PARTITION "+name+" FINALIZE")
			if !lockTimedOut(err) {
				return err
			}
		}
		select {
		case <-time.After(finishPause):
		case <-ctx.Done():
			return fmt.Errorf("older transactions do not end: %w", ctx.Err())
		}
	}
}

// Those of other roles may be hidden from this one; then the lock timeout of what follows is all there is.
const olderTransactionSQL = `
SELECT NOT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL
      AND xact_start < clock_timestamp() - make_interval(secs => $1))`

func noOlderTransaction(ctx context.Context, conn *pgxpool.Conn) (free bool, err error) {
	err = conn.QueryRow(ctx, olderTransactionSQL, finishPause.Seconds()).Scan(&free)
	return free, err
}

// limited runs a statement outside of any transaction that gives up when it has waited too long for a lock.
func limited(ctx context.Context, conn *pgxpool.Conn, limit time.Duration, sql string) error {
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", limit.Milliseconds())); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, sql)
	return err
}

// The newest credential of a machine stays, whatever became of it: it has the evidence that the machine is known by.
const forgetCredentialsSQL = `
DELETE FROM credential WHERE id = ANY (ARRAY(
    SELECT c.id FROM credential c
    WHERE c.revoked_at < now() - make_interval(days => $1)
      AND EXISTS (SELECT FROM credential later WHERE later.machine = c.machine AND later.id > c.id)
    LIMIT $2))`

// ForgetCredentials deletes up to limit of the credentials that were revoked the given number of days ago, and returns
// how many. The newest of a machine is never deleted.
func (s *Store) ForgetCredentials(ctx context.Context, days, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, forgetCredentialsSQL, days, limit)
	if err != nil {
		return 0, fmt.Errorf("forget credentials: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
