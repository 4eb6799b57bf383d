// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// IndexAsset is what people call a shared asset.
type IndexAsset struct {
	ID      int64
	Kind    string
	Name    string
	Version string
}

const (
	indexAssetsSQL = `
SELECT id, kind, name, version FROM asset WHERE id > $1 ORDER BY id LIMIT $2`
	indexAssetsByIDSQL = `
SELECT id, kind, name, version FROM asset WHERE id = ANY ($1)`
)

// IndexAssets hands the whole dictionary to fn in batches, by id; fn may keep them.
func (s *Store) IndexAssets(ctx context.Context, fn func([]IndexAsset) error) error {
	const batch = 10_000
	last := int64(0)
	for {
		assets, err := s.indexAssets(ctx, indexAssetsSQL, last, batch)
		if err != nil {
			return err
		}
		if len(assets) > 0 {
			last = assets[len(assets)-1].ID
			if err := fn(assets); err != nil {
				return err
			}
		}
		if len(assets) < batch {
			return nil
		}
	}
}

// IndexAssetsOf returns the assets with these ids that the dictionary has, in no order.
func (s *Store) IndexAssetsOf(ctx context.Context, ids []int64) ([]IndexAsset, error) {
	return s.indexAssets(ctx, indexAssetsByIDSQL, ids)
}

func (s *Store) indexAssets(ctx context.Context, sql string, args ...any) ([]IndexAsset, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	rows, _ := s.pool.Query(ctx, sql, args...) // its error comes back from CollectRows
	assets, err := pgx.CollectRows(rows, pgx.RowToStructByPos[IndexAsset])
	if err != nil {
		return nil, fmt.Errorf("names of assets: %w", err)
	}
	return assets, nil
}

// HeadSeen is when a head was seen last.
type HeadSeen struct {
	Head     int64
	LastSeen time.Time
}

// A check-in writes no index, so this reads the whole table, which is narrow.
const headsSeenSQL = `SELECT id, last_seen FROM head WHERE last_seen > $1`

// HeadsSeen returns the heads that were seen later than a moment, in no order.
func (s *Store) HeadsSeen(ctx context.Context, after time.Time) ([]HeadSeen, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	rows, _ := s.pool.Query(ctx, headsSeenSQL, after) // its error comes back from CollectRows
	seen, err := pgx.CollectRows(rows, pgx.RowToStructByPos[HeadSeen])
	if err != nil {
		return nil, fmt.Errorf("last seen: %w", err)
	}
	return seen, nil
}

// StatusCount is how many known machines have a status for a check.
type StatusCount struct {
	Check    int64
	Status   compliance.Status
	Machines int64
}

const statusCountsSQL = `
SELECT s.check_id, s.status, count(*)
FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL
GROUP BY s.check_id, s.status
ORDER BY s.check_id, s.status`

// StatusCounts counts what ListStatuses lists, by check and then by status; of what no machine has there is no row.
func (s *Store) StatusCounts(ctx context.Context) ([]StatusCount, error) {
	rows, _ := s.pool.Query(ctx, statusCountsSQL) // its error comes back from CollectRows
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StatusCount])
	if err != nil {
		return nil, fmt.Errorf("count statuses: %w", err)
	}
	return counts, nil
}

const checkIDsSQL = `SELECT id FROM jmespath_check ORDER BY id`

// CheckIDs returns the ids of all checks in order.
func (s *Store) CheckIDs(ctx context.Context) ([]int64, error) {
	rows, _ := s.pool.Query(ctx, checkIDsSQL) // its error comes back from CollectRows
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("ids of checks: %w", err)
	}
	return ids, nil
}
