// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// HeadSource tells whose head one is.
type HeadSource struct {
	Machine int64
	Source  Source
}

const headSourcesSQL = `
SELECT h.id, h.machine, s.id, s.module, s.name, s.config FROM head h JOIN source s ON s.id = h.source WHERE h.id = ANY ($1)`

// HeadSources returns the sources of heads; those that were pruned are missing from the answer.
func (s *Store) HeadSources(ctx context.Context, heads []int64) (map[int64]HeadSource, error) {
	found := make(map[int64]HeadSource, len(heads))
	rows, _ := s.pool.Query(ctx, headSourcesSQL, heads) // its error comes back from ForEachRow
	var id int64
	var h HeadSource
	_, err := pgx.ForEachRow(rows, []any{&id, &h.Machine, &h.Source.ID, &h.Source.Module, &h.Source.Name, &h.Source.Config}, func() error {
		found[id] = h
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sources of heads: %w", err)
	}
	return found, nil
}

// AuditRow is a row of the audit log as events tell of it.
type AuditRow struct {
	ID       int64
	Action   string
	Object   string
	ObjectID string
	Before   *string // JSON; nil: nothing
	After    *string // JSON; nil: nothing
	Request  *string // JSON; nil: nobody asked over HTTP
}

const (
	auditRowsSQL = `
SELECT id, action, object, object_id, before::text, after::text, request::text FROM audit WHERE id = ANY ($1)`
	taxonomyNamesSQL = `SELECT id, name FROM taxonomy WHERE id = ANY ($1)`
	unitNamesSQL     = `SELECT id, name FROM meta_business_unit WHERE id = ANY ($1)`
)

// AuditRows returns rows of the audit log by id.
func (s *Store) AuditRows(ctx context.Context, ids []int64) (map[int64]AuditRow, error) {
	rows, _ := s.pool.Query(ctx, auditRowsSQL, ids) // its error comes back from CollectRows
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AuditRow])
	if err != nil {
		return nil, fmt.Errorf("rows of the audit log: %w", err)
	}
	found := make(map[int64]AuditRow, len(list))
	for _, row := range list {
		found[row.ID] = row
	}
	return found, nil
}

// TaxonomyNames returns the names of those taxonomies that there are.
func (s *Store) TaxonomyNames(ctx context.Context, ids []int64) (map[int64]string, error) {
	return s.names(ctx, taxonomyNamesSQL, ids)
}

// MetaBusinessUnitNames returns the names of those meta business units that there are.
func (s *Store) MetaBusinessUnitNames(ctx context.Context, ids []int64) (map[int64]string, error) {
	return s.names(ctx, unitNamesSQL, ids)
}

func (s *Store) names(ctx context.Context, sql string, ids []int64) (map[int64]string, error) {
	names := make(map[int64]string, len(ids))
	if len(ids) == 0 {
		return names, nil
	}
	rows, _ := s.pool.Query(ctx, sql, ids) // its error comes back from ForEachRow
	var id int64
	var name string
	if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil }); err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	return names, nil
}

// Beat is a head that was seen.
type Beat struct {
	Head     int64
	Machine  int64
	Source   Source
	LastSeen time.Time
}

// A change has a heartbeat of its own. Whatever a machine claims about the future waits until it has come. A check-in
// writes no index, so this reads the whole table, which is narrow.
const beatsSQL = `
SELECT h.id, h.machine, s.id, s.module, s.name, s.config, h.last_seen
FROM head h JOIN source s ON s.id = h.source
WHERE h.last_seen > $1 AND h.last_seen <= now() AND h.last_seen <> h.changed_at AND h.last_seen IS DISTINCT FROM h.told_at
  AND h.archived_at IS NULL
ORDER BY h.last_seen
FETCH FIRST $2 ROWS WITH TIES`

// Beats returns live heads that were seen later than a moment, the oldest first: at most limit, and those seen at the
// very moment of the last. Those that were last seen with a change are not among them.
func (s *Store) Beats(ctx context.Context, since time.Time, limit int) ([]Beat, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	rows, _ := s.pool.Query(ctx, beatsSQL, since, limit) // its error comes back from CollectRows
	beats, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b Beat, err error) {
		err = row.Scan(&b.Head, &b.Machine, &b.Source.ID, &b.Source.Module, &b.Source.Name, &b.Source.Config, &b.LastSeen)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("heartbeats: %w", err)
	}
	return beats, nil
}
