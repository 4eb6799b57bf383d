// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	// cachedBodies bounds the bodies that are kept in memory, some 600 bytes each.
	cachedBodies = 60_000
	// maxCachedBody keeps the few large ones out: a body in memory has at most so many bytes.
	maxCachedBody = 2 << 10
)

const bodiesSQL = `
SELECT id, digest, body FROM asset WHERE id = ANY ($1::bigint[])`

// LoadSection returns a stored section with its bodies, by ascending digest. Bodies may be shared with other callers:
// nobody may change them.
func (s *Store) LoadSection(ctx context.Context, section *pack.Section) (*snapshot.Section, error) {
	out := &snapshot.Section{Kind: section.Kind, Assets: section.Facts}
	if !section.Shared {
		return out, nil
	}
	out.Assets = make([]snapshot.Asset, 0, len(section.IDs))
	var unknown []int64
	for _, id := range section.IDs {
		if a, ok := s.dictionary.bodies.get(id); ok {
			out.Assets = append(out.Assets, a)
			continue
		}
		unknown = append(unknown, id)
	}
	loaded, err := s.loadBodies(ctx, unknown)
	if err != nil {
		return nil, err
	}
	out.Assets = append(out.Assets, loaded...)
	slices.SortFunc(out.Assets, func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) })
	return out, nil
}

// loadBodies reads assets from the dictionary; one that is not there is ErrNoAsset.
func (s *Store) loadBodies(ctx context.Context, ids []int64) ([]snapshot.Asset, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, _ := s.pool.Query(ctx, bodiesSQL, ids) // its error comes back from CollectRows
	assets, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (snapshot.Asset, error) {
		var id int64
		var digest, body []byte
		if err := row.Scan(&id, &digest, &body); err != nil {
			return snapshot.Asset{}, err
		}
		d, err := asset.ParseDigest(digest)
		if err != nil {
			return snapshot.Asset{}, fmt.Errorf("asset %d: %w", id, err)
		}
		a := snapshot.Asset{Digest: d, Body: body}
		if len(body) <= maxCachedBody {
			s.dictionary.bodies.put(id, a)
		}
		return a, nil
	})
	if err != nil {
		return nil, fmt.Errorf("bodies of %d assets: %w", len(ids), err)
	}
	if len(assets) != len(ids) {
		return nil, fmt.Errorf("bodies of %d assets, %d are there: %w", len(ids), len(assets), ErrNoAsset)
	}
	return assets, nil
}
