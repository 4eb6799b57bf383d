// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
)

// EvaluatedHead is a head as evaluations outside a commit read it, all of one moment.
type EvaluatedHead struct {
	ID       int64
	Machine  int64
	Serial   string
	Source   Source
	Seq      int64
	Tags     []int64            // of the machine
	Done     []int64            // checks of the filter that have a status of their version for the head as it is
	Previous *compliance.Status // of the filter's check, for the machine; nil: none
	Rows     []pack.Row         // of the filter's kinds, and the one that small sections share
}

// HeadFilter chooses heads for an evaluation. Of several heads that a machine has from the sources the newest live one
// stands for it; where all are archived, the newest.
type HeadFilter struct {
	Sources  []Source           // see SourcesNamed
	Machines []int64            // nil: every machine
	Checks   []compliance.Check // a head that is done with all of them has no rows; without any every head has
	Kinds    []string           // of the sections to read; nil: all

	// For looking only. The rest is for evaluations that are stored.
	Look     bool       // live heads alone, from the replica where there is one
	Previous int64      // check whose statuses are compared; 0: none
	Scope    auth.Scope // machines that the reader may see
}

// SourcesNamed returns the sources with that name, in any case.
func (s *Store) SourcesNamed(ctx context.Context, name string) ([]Source, error) {
	sources, err := s.Sources(ctx)
	var named []Source
	for _, one := range sources {
		if strings.EqualFold(one.Name, name) {
			named = append(named, one)
		}
	}
	return named, err
}

const (
	// One statement, so that a head and its sections are of the same moment. The page comes first: nothing else is read of
	// heads that are not on it, whatever the planner knows of the tables. When none of the checks is of that version any
	// more, there is nothing left to do.
	pageToEvaluateSQL = `
WITH page AS MATERIALIZED (
    SELECT h.id, h.machine, h.source, h.seq FROM head h
    WHERE h.source = ANY ($3::integer[])
      AND (cardinality($3) = 1 OR NOT EXISTS (
        SELECT FROM head o WHERE o.machine = h.machine AND o.source = ANY ($3) AND (o.archived_at IS NULL, o.id) > (h.archived_at IS NULL, h.id)))
      AND (cardinality($1::bigint[]) = 0 OR EXISTS (
        SELECT FROM unnest($1, $2::integer[]) AS c(id, version) JOIN jmespath_check k ON k.id = c.id AND k.version = c.version))
      AND ($5::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = h.machine AND t.tag = ANY ($5)))
      AND (h.archived_at IS NULL OR NOT $7)
      AND h.id > $8`
	// A status of the current version and seq need not be computed again: of a head that has all of them no section is read.
	readPageSQL = `
    ORDER BY h.id LIMIT $9
)
SELECT h.id, h.machine, m.serial_number, h.source, h.seq,
       ARRAY(SELECT t.tag FROM machine_tag t WHERE t.machine = h.machine ORDER BY t.tag), d.done,
       (SELECT s.status FROM check_status s WHERE s.check_id = $6 AND s.machine = h.machine),
       s.kinds, s.bases, s.tails, s.digests
FROM page h
JOIN machine m ON m.id = h.machine
CROSS JOIN LATERAL (SELECT ARRAY(
    SELECT c.id FROM unnest($1, $2) AS c(id, version)
    JOIN check_status s ON s.check_id = c.id AND s.machine = h.machine AND s.check_version = c.version AND s.head = h.id AND s.head_seq = h.seq
) AS done) d
LEFT JOIN LATERAL (
    SELECT array_agg(kind) AS kinds, array_agg(base) AS bases, array_agg(tail) AS tails, array_agg(digest) AS digests
    FROM head_section
    WHERE head = h.id AND ($4::text[] IS NULL OR kind = '' OR kind = ANY ($4))
      AND (cardinality($1) = 0 OR cardinality(d.done) < cardinality($1))
) s ON true
ORDER BY h.id`

	nextHeadsToEvaluateSQL      = pageToEvaluateSQL + readPageSQL
	machinesHeadsToEvaluateSQL  = pageToEvaluateSQL + ` AND h.machine = ANY ($10::bigint[])` + readPageSQL
	countHeadsOfSourcesSQL      = `SELECT count(DISTINCT machine) FROM head WHERE source = ANY ($1::integer[])`
	countLiveMachinesOfScopeSQL = `
SELECT count(DISTINCT h.machine) FROM head h
WHERE h.source = ANY ($1::integer[]) AND h.archived_at IS NULL
  AND ($2::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = h.machine AND t.tag = ANY ($2)))`
)

// HeadsToEvaluate returns the next heads behind the head with the id after, by id and at most limit of them.
func (s *Store) HeadsToEvaluate(ctx context.Context, f *HeadFilter, after int64, limit int) (heads []EvaluatedHead, err error) {
	if f.Look {
		err = s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			heads, err = f.read(ctx, tx, after, limit)
			return err
		})
	} else {
		heads, err = f.read(ctx, s.pool, after, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("heads to evaluate: %w", err)
	}
	return heads, nil
}

func (f *HeadFilter) read(ctx context.Context, db querier, after int64, limit int) ([]EvaluatedHead, error) {
	sources := make(map[int32]Source, len(f.Sources))
	for _, one := range f.Sources {
		sources[one.ID] = one
	}
	checks, versions := versionsOf(f.Checks)
	sql, args := nextHeadsToEvaluateSQL, []any{checks, versions, f.sourceIDs(), f.Kinds, f.Scope.Tags, f.Previous, f.Look, after, limit}
	if f.Machines != nil {
		sql, args = machinesHeadsToEvaluateSQL, append(args, f.Machines)
	}
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectRows
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (EvaluatedHead, error) {
		var h EvaluatedHead
		var source int32
		var kinds []string
		var bases, tails, digests [][]byte
		err := row.Scan(&h.ID, &h.Machine, &h.Serial, &source, &h.Seq, &h.Tags, &h.Done, &h.Previous, &kinds, &bases, &tails, &digests)
		h.Source = sources[source]
		for i, kind := range kinds {
			h.Rows = append(h.Rows, pack.Row{Kind: kind, Base: bases[i], Tail: tails[i], Digest: digests[i]})
		}
		return h, err
	})
}

func (f *HeadFilter) sourceIDs() []int32 {
	ids := make([]int32, len(f.Sources))
	for i := range f.Sources {
		ids[i] = f.Sources[i].ID
	}
	return ids
}

// versionsOf returns the ids and versions of checks.
func versionsOf(checks []compliance.Check) (ids []int64, versions []int32) {
	ids, versions = make([]int64, len(checks)), make([]int32, len(checks))
	for i := range checks {
		ids[i], versions[i] = checks[i].ID, int32(checks[i].Version)
	}
	return ids, versions
}

// CountHeadsToEvaluate returns how many heads HeadsToEvaluate would return if none was done.
func (s *Store) CountHeadsToEvaluate(ctx context.Context, f *HeadFilter) (n int64, err error) {
	if f.Look {
		err = s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, countLiveMachinesOfScopeSQL, f.sourceIDs(), f.Scope.Tags).Scan(&n)
		})
	} else {
		err = s.pool.QueryRow(ctx, countHeadsOfSourcesSQL, f.sourceIDs()).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("count heads to evaluate: %w", err)
	}
	return n, nil
}
