// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// partitionLayout names a partition after the Monday that it begins with.
	partitionLayout = "change_20060102"
	week            = 7 * 24 * time.Hour
)

const (
	// Attaching needs this lock anyway. Who already has a weaker one by then, and waits for this one behind somebody who
	// detaches, would wait for ever: that one waits for everybody with a lock.
	lockPartitionsSQL = `LOCK TABLE ONLY change IN SHARE UPDATE EXCLUSIVE MODE`

	thisWeekSQL = `SELECT date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'`

	detachingSQL = `
SELECT coalesce(i.inhdetachpending, false)
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.oid = to_regclass($1)`

	// The storage parameters are those that migration 0002 gives to the weeks there were then.
	createPartitionSQL = `
CREATE TABLE %s (LIKE change INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) WITH (
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_freeze_min_age = 0,
    toast.autovacuum_vacuum_insert_scale_factor = 0.05, toast.autovacuum_freeze_min_age = 0)`

	// Attaching locks the parent against other schema changes only; creating the table as a partition would wait for
	// every commit and hold up those behind it.
	attachPartitionSQL = `ALTER TABLE change ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`
)

// EnsurePartitions makes the weekly partitions of the change log that are missing, from the oldest there is to the given
// number of weeks ahead of this one; the first time it begins with last week, for a clock that goes back a little. A
// week that was detached and is still there is attached again. A week begins on Monday 00:00 UTC by the database's
// clock. Several processes may call it at once; where nothing is missing it waits for nobody. A week that cannot be made
// keeps no other one; the error names it.
func (s *Store) EnsurePartitions(ctx context.Context, ahead int) error {
	missing, err := missingWeeks(ctx, s.pool, ahead)
	for _, monday := range missing {
		made := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return makeMissing(ctx, tx, ahead, monday) })
		if made != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", monday.Format(partitionLayout), made))
		}
	}
	if err != nil {
		return fmt.Errorf("partitions of the change log: %w", err)
	}
	return nil
}

func makeMissing(ctx context.Context, tx pgx.Tx, ahead int, monday time.Time) error {
	if _, err := tx.Exec(ctx, lockPartitionsSQL); err != nil {
		return err
	}
	missing, err := missingWeeks(ctx, tx, ahead)
	if err != nil || !slices.ContainsFunc(missing, monday.Equal) {
		return err // nil: another process has made it
	}
	return makePartition(ctx, tx, monday)
}

// missingWeeks returns the Mondays of the weeks without a partition, in order, so that there is never a hole.
func missingWeeks(ctx context.Context, db querier, ahead int) ([]time.Time, error) {
	have, err := partitions(ctx, db)
	if err != nil {
		return nil, err
	}
	monday, err := thisWeek(ctx, db)
	if err != nil {
		return nil, err
	}
	from := monday.Add(-week)
	if len(have) > 0 {
		from = have[0]
		if monday.Before(from) {
			from = monday
		}
	}
	var missing []time.Time
	for end := monday.Add(time.Duration(ahead) * week); !from.After(end); from = from.Add(week) {
		if !slices.ContainsFunc(have, from.Equal) {
			missing = append(missing, from)
		}
	}
	return missing, nil
}

// makePartition makes one partition, or attaches the table that is there already; its statements are built from a date
// alone. One that is being detached is left to DropExpiredWeeks.
func makePartition(ctx context.Context, tx pgx.Tx, monday time.Time) error {
	name := monday.Format(partitionLayout)
	var detaching bool
	err := tx.QueryRow(ctx, detachingSQL, name).Scan(&detaching)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		if _, err := tx.Exec(ctx, fmt.Sprintf(createPartitionSQL, name)); err != nil {
			return err
		}
	case err != nil:
		return err
	case detaching:
		return nil
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(attachPartitionSQL, name, monday.Format(time.RFC3339), monday.Add(week).Format(time.RFC3339)))
	return err
}

// PartitionsAhead returns how many weeks after this one have their partition already, without a gap; -1 when this
// week has none, so that nothing can be committed.
func (s *Store) PartitionsAhead(ctx context.Context) (int, error) {
	have, err := partitions(ctx, s.pool)
	if err != nil {
		return 0, err
	}
	monday, err := thisWeek(ctx, s.pool)
	if err != nil {
		return 0, err
	}
	ahead := -1
	for slices.ContainsFunc(have, monday.Add(time.Duration(ahead+1)*week).Equal) {
		ahead++
	}
	return ahead, nil
}

func thisWeek(ctx context.Context, db querier) (time.Time, error) {
	var monday time.Time
	if err := db.QueryRow(ctx, thisWeekSQL).Scan(&monday); err != nil {
		return time.Time{}, fmt.Errorf("this week: %w", err)
	}
	return monday.UTC(), nil
}

// Asked this way the answer is the planner's, also in a transaction whose snapshot is older: a reader that missed the
// rows of a partition does not find it here either.
const partitionsSQL = `
SELECT c.relname::text
FROM pg_partition_tree('change') p
JOIN pg_class c ON c.oid = p.relid
WHERE p.level = 1
ORDER BY c.relname`

// partitions returns the Mondays that the partitions begin with, in order. Partitions that somebody attached under
// another name are passed over, and those that are being detached: their rows are not seen any more.
func partitions(ctx context.Context, db querier) ([]time.Time, error) {
	rows, _ := db.Query(ctx, partitionsSQL) // its error comes back from CollectRows
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list partitions: %w", err)
	}
	var mondays []time.Time
	for _, name := range names {
		if monday, err := time.Parse(partitionLayout, name); err == nil {
			mondays = append(mondays, monday)
		}
	}
	return mondays, nil
}
