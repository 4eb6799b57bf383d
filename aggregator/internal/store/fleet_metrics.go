// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// TagUse is a tag and how many machines that nobody ever reported carry it; the index knows the others.
type TagUse struct {
	ID         int64
	Name       string
	Taxonomy   string // "": none
	Unreported int64
}

const tagUsesSQL = `
SELECT t.id, t.name, coalesce(x.name, ''), coalesce(u.machines, 0)
FROM tag t
LEFT JOIN taxonomy x ON x.id = t.taxonomy
LEFT JOIN (
    SELECT tag, count(*) AS machines
    FROM machine_tag
    WHERE machine IN (SELECT id FROM machine m WHERE NOT EXISTS (SELECT FROM head h WHERE h.machine = m.id))
    GROUP BY tag
) u ON u.tag = t.id
ORDER BY t.id`

// TagUses returns all tags by id.
func (s *Store) TagUses(ctx context.Context) ([]TagUse, error) {
	rows, _ := s.pool.Query(ctx, tagUsesSQL) // its error comes back from CollectRows
	tags, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TagUse])
	if err != nil {
		return nil, fmt.Errorf("use of tags: %w", err)
	}
	return tags, nil
}

const waivedMachinesSQL = `SELECT check_id, machine FROM waiver WHERE expires_at > now()`

// WaivedMachines returns the machines with a waiver in force, by check.
func (s *Store) WaivedMachines(ctx context.Context) (map[int64][]int64, error) {
	waived := map[int64][]int64{}
	rows, _ := s.pool.Query(ctx, waivedMachinesSQL) // its error comes back from ForEachRow
	var check, machine int64
	if _, err := pgx.ForEachRow(rows, []any{&check, &machine}, func() error {
		waived[check] = append(waived[check], machine)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("waived machines: %w", err)
	}
	return waived, nil
}

const judgedMachinesSQL = `SELECT machine FROM check_status WHERE check_id = $1 AND check_version = $2`

// JudgedMachines returns the machines with a status for one version of a check, in no order.
func (s *Store) JudgedMachines(ctx context.Context, check int64, version int) ([]int64, error) {
	rows, _ := s.pool.Query(ctx, judgedMachinesSQL, check, version) // its error comes back from CollectRows
	machines, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("machines judged by check %d: %w", check, err)
	}
	return machines, nil
}

// AssetLabels are keys of an asset's body, by the dictionary id; of what a body does not say there is an empty text.
type AssetLabels struct {
	ID     int64
	Labels []string
}

const (
	osVersionLabelsSQL = `
SELECT id, ARRAY[coalesce(body->>'name', ''), coalesce(body->>'major', ''), coalesce(body->>'minor', ''),
                 coalesce(body->>'patch', ''), coalesce(body->>'build', ''), coalesce(body->>'version', '')]
FROM asset WHERE id = ANY ($1)`

	appLabelsSQL = `
SELECT id, ARRAY[coalesce(app->>'bundle_name', ''), coalesce(app->>'bundle_version_str', '')]
FROM (SELECT id, body->'app' AS app FROM asset WHERE id = ANY ($1) OFFSET 0) a
WHERE app->>'bundle_id' = ANY ($2) OR app->>'bundle_name' = ANY ($3)`
)

// OSVersionLabels returns name, major, minor, patch, build and version of operating systems, in no order.
func (s *Store) OSVersionLabels(ctx context.Context, ids []int64) ([]AssetLabels, error) {
	return s.assetLabels(ctx, osVersionLabelsSQL, ids)
}

// AppLabels returns bundle_name and bundle_version_str of those osx_app_instances that have one of the bundle ids or of
// the bundle names, in no order.
func (s *Store) AppLabels(ctx context.Context, ids []int64, bundleIDs, bundleNames []string) ([]AssetLabels, error) {
	return s.assetLabels(ctx, appLabelsSQL, ids, list(bundleIDs), list(bundleNames))
}

func (s *Store) assetLabels(ctx context.Context, sql string, args ...any) ([]AssetLabels, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	rows, _ := s.pool.Query(ctx, sql, args...) // its error comes back from CollectRows
	labels, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AssetLabels])
	if err != nil {
		return nil, fmt.Errorf("labels of assets: %w", err)
	}
	return labels, nil
}

// TaskCount is how many tasks of a name have a status.
type TaskCount struct {
	Name   string
	Status TaskStatus
	Count  int64
}

const taskCountsSQL = `
SELECT name, status, count(*)
FROM task
WHERE ` + keptTask + `
GROUP BY name, status ORDER BY name, status`

// TaskCounts counts the tasks that are kept, by name and then by status.
func (s *Store) TaskCounts(ctx context.Context) ([]TaskCount, error) {
	rows, _ := s.pool.Query(ctx, taskCountsSQL) // its error comes back from CollectRows
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TaskCount])
	if err != nil {
		return nil, fmt.Errorf("count tasks: %w", err)
	}
	return counts, nil
}
