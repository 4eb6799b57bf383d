// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// partitionLock is the key of the advisory lock that lets one process make partitions at a time: "change" in ASCII.
	partitionLock = 0x6368616e6765
	// partitionLayout names a partition after the Monday that it begins with.
	partitionLayout = "change_20060102"
	week            = 7 * 24 * time.Hour
)

const (
	lockPartitionsSQL = `SELECT pg_advisory_xact_lock($1)`
	thisWeekSQL       = `SELECT date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'`
	// Attaching locks the parent against other schema changes only; creating the table as a partition would wait for
	// every commit and hold up those behind it.
	createPartitionSQL = `
CREATE TABLE %[1]s (LIKE change INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
ALTER TABLE change ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`
)

// EnsurePartitions makes the weekly partitions of the change log that are missing, from last week to the given number
// of weeks ahead of this one. A week begins on Monday 00:00 UTC by the database's clock. Several processes may call it
// at once.
func (s *Store) EnsurePartitions(ctx context.Context, ahead int) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockPartitionsSQL, int64(partitionLock)); err != nil {
			return err
		}
		have, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		monday, err := thisWeek(ctx, tx)
		if err != nil {
			return err
		}
		for i := -1; i <= ahead; i++ {
			if err := ensurePartition(ctx, tx, have, monday.Add(time.Duration(i)*week)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("partitions of the change log: %w", err)
	}
	return nil
}

// ensurePartition makes one partition; its statement is built from a date alone.
func ensurePartition(ctx context.Context, tx pgx.Tx, have []time.Time, monday time.Time) error {
	if slices.ContainsFunc(have, monday.Equal) {
		return nil
	}
	from, to := monday.Format(time.RFC3339), monday.Add(week).Format(time.RFC3339)
	name := monday.Format(partitionLayout)
	if _, err := tx.Exec(ctx, fmt.Sprintf(createPartitionSQL, name, from, to)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
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

const partitionsSQL = `
SELECT c.relname::text
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'change'::regclass AND NOT i.inhdetachpending
ORDER BY c.relname`

// partitions returns the Mondays that the partitions begin with, in order. Partitions that somebody attached under
// another name are passed over.
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
