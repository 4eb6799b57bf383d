// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stats counts the fleet and the state of the database.
type Stats struct {
	Platforms     map[string]int64 // known machines by platform; an empty platform is not known
	OSVersions    []OSVersionCount
	Heads         int64
	ArchivedHeads int64
	Assets        int64 // of the dictionary; an estimate when there are many

	DatabaseBytes     int64
	JournalBytes      int64
	ChangeBytes       int64
	PartitionsAhead   int
	OldestTransaction time.Duration // age of the oldest transaction in this database

	WaitingTasks      int64         // that nobody works at yet, or that will be tried again
	OldestWaitingTask time.Duration // since when the one that was asked for first waits
}

// OSVersionCount is how many known machines run one version of an operating system.
type OSVersionCount struct {
	Platform  string
	OSVersion string // for people; empty: not known
	Machines  int64
}

const (
	osVersionCountsSQL = `
SELECT f.platform, f.os_version, count(*)
FROM machine m CROSS JOIN LATERAL (` + machineFactsSQL + `) f
GROUP BY f.platform, f.os_version
ORDER BY f.platform, f.os_version`

	headCountsSQL = `
SELECT count(*) FILTER (WHERE archived_at IS NULL), count(*) FILTER (WHERE archived_at IS NOT NULL) FROM head`

	databaseStatsSQL = `
SELECT (SELECT CASE WHEN reltuples < 100000 THEN (SELECT count(*) FROM asset) ELSE reltuples::bigint END
        FROM pg_class WHERE oid = 'asset'::regclass),
       pg_database_size(current_database()),
       pg_total_relation_size('journal'),
       (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = 'change'::regclass AND NOT inhdetachpending),
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8
        FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())`

	waitingTasksSQL = `
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
FROM task WHERE status IN ('PENDING', 'RETRY')`
)

// Stats counts anew at every call; what it says of machines agrees with ListMachines.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	stats, err := s.DatabaseStats(ctx)
	if err != nil {
		return Stats{}, err
	}
	stats.Platforms = map[string]int64{}
	rows, _ := s.pool.Query(ctx, osVersionCountsSQL, false) // its error comes back from CollectRows
	if stats.OSVersions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[OSVersionCount]); err != nil {
		return Stats{}, fmt.Errorf("count machines: %w", err)
	}
	for _, c := range stats.OSVersions {
		stats.Platforms[c.Platform] += c.Machines
	}
	if err := s.pool.QueryRow(ctx, headCountsSQL).Scan(&stats.Heads, &stats.ArchivedHeads); err != nil {
		return Stats{}, fmt.Errorf("count heads: %w", err)
	}
	return stats, nil
}

// DatabaseStats is Stats without what is counted machine by machine: Platforms, OSVersions, Heads and ArchivedHeads
// are empty.
func (s *Store) DatabaseStats(ctx context.Context) (Stats, error) {
	var stats Stats
	var seconds float64
	err := s.pool.QueryRow(ctx, databaseStatsSQL).Scan(&stats.Assets, &stats.DatabaseBytes, &stats.JournalBytes,
		&stats.ChangeBytes, &seconds)
	if err != nil {
		return Stats{}, fmt.Errorf("database statistics: %w", err)
	}
	stats.OldestTransaction = time.Duration(seconds * float64(time.Second))
	if err := s.pool.QueryRow(ctx, waitingTasksSQL).Scan(&stats.WaitingTasks, &seconds); err != nil {
		return Stats{}, fmt.Errorf("waiting tasks: %w", err)
	}
	stats.OldestWaitingTask = time.Duration(seconds * float64(time.Second))
	if stats.PartitionsAhead, err = s.PartitionsAhead(ctx); err != nil {
		return Stats{}, err
	}
	return stats, nil
}
