// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"encoding/binary"
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
	assets := make([]snapshot.Asset, 0, len(section.IDs))
	var unknown []int64
	known := 0
	s.dictionary.bodies.getAll(section.IDs, func(i int, a snapshot.Asset) {
		unknown = append(unknown, section.IDs[known:i]...)
		known = i + 1
		assets = append(assets, a)
	})
	loaded, err := s.loadBodies(ctx, append(unknown, section.IDs[known:]...))
	if err != nil {
		return nil, err
	}
	out.Assets = byDigest(append(assets, loaded...))
	return out, nil
}

// byDigest returns assets by ascending digest.
func byDigest(assets []snapshot.Asset) []snapshot.Asset {
	sorted := make([]snapshot.Asset, len(assets))
	for i, place := range placesByDigest(assets) {
		sorted[i] = assets[place]
	}
	return sorted
}

// placesByDigest returns where assets stand, by ascending digest. A section has thousands, and an asset is large: what is
// sorted is the place of each, by the first bytes of its digest.
func placesByDigest(assets []snapshot.Asset) []int {
	type key struct {
		start uint64
		place int
	}
	keys := make([]key, len(assets))
	for i := range assets {
		keys[i] = key{binary.BigEndian.Uint64(assets[i].Digest[:]), i}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if order := cmp.Compare(a.start, b.start); order != 0 {
			return order
		}
		return assets[a.place].Digest.Compare(assets[b.place].Digest)
	})
	places := make([]int, len(keys))
	for i := range keys {
		places[i] = keys[i].place
	}
	return places
}

// loadBodies reads assets from the dictionary; one that is not there is ErrNoAsset.
func (s *Store) loadBodies(ctx context.Context, ids []int64) ([]snapshot.Asset, error) {
	assets := make([]snapshot.Asset, 0, len(ids))
	err := s.eachBody(ctx, ids, func(_ int64, a snapshot.Asset) { assets = append(assets, a) })
	return assets, err
}

// eachBody is loadBodies for who asks which is which.
func (s *Store) eachBody(ctx context.Context, ids []int64, fn func(id int64, a snapshot.Asset)) error {
	if len(ids) == 0 {
		return nil
	}
	rows, _ := s.pool.Query(ctx, bodiesSQL, ids) // its error comes back from ForEachRow
	loaded := 0
	var id int64
	var digest, body []byte
	_, err := pgx.ForEachRow(rows, []any{&id, &digest, &body}, func() error {
		d, err := asset.ParseDigest(digest)
		if err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
		a := snapshot.Asset{Digest: d, Body: body}
		if len(body) <= maxCachedBody {
			s.dictionary.bodies.put(id, a)
		}
		loaded++
		fn(id, a)
		return nil
	})
	if err != nil {
		return fmt.Errorf("bodies of %d assets: %w", len(ids), err)
	}
	if loaded != len(ids) {
		return fmt.Errorf("bodies of %d assets, %d are there: %w", len(ids), loaded, ErrNoAsset)
	}
	return nil
}
