// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// KnownAsset is an asset of the dictionary. An ID of 0 says that the dictionary lacks it.
type KnownAsset struct {
	ID     int64
	Digest asset.Digest
	Kind   string
}

// NewAsset is an asset to put into the dictionary. Its body must be canonical and its digest that of the body.
type NewAsset struct {
	Kind string
	snapshot.Asset
}

// dictionary is the fleet-wide table of shared assets behind bounded caches of names and of bodies.
type dictionary struct {
	pool    *pgxpool.Pool
	byID16  *generations[asset.ID, KnownAsset]
	byID    *generations[int64, KnownAsset]
	bodies  *generations[int64, snapshot.Asset]
	inserts *batcher[[]NewAsset, struct{}]
}

const (
	// cachedAssets bounds the cache: some 150 bytes each.
	cachedAssets = 400_000
	// maxInsertBatch bounds how many pushes' new assets go into one transaction.
	maxInsertBatch = 32
)

func newDictionary(pool *pgxpool.Pool) *dictionary {
	d := &dictionary{
		pool:   pool,
		byID16: newGenerations[asset.ID, KnownAsset](cachedAssets),
		byID:   newGenerations[int64, KnownAsset](cachedAssets),
		bodies: newGenerations[int64, snapshot.Asset](cachedBodies),
	}
	d.inserts = newBatcher(maxInsertBatch, d.insert)
	return d
}

func (d *dictionary) remember(a KnownAsset) {
	d.byID16.put(a.Digest.ID(), a)
	d.byID.put(a.ID, a)
}

const assetsByID16SQL = `
SELECT id, digest, kind FROM asset WHERE substr(digest, 1, 16) = ANY ($1::bytea[])`

// FindAssets looks ids up in the dictionary and answers in their order; the zero KnownAsset stands for one that the
// dictionary lacks. A positive answer never becomes stale: ids are never reused.
func (s *Store) FindAssets(ctx context.Context, ids []asset.ID) ([]KnownAsset, error) {
	out := make([]KnownAsset, len(ids))
	var unknown [][]byte
	var positions []int
	for i := range ids {
		if known, ok := s.dictionary.byID16.get(ids[i]); ok {
			out[i] = known
			continue
		}
		unknown = append(unknown, ids[i][:])
		positions = append(positions, i)
	}
	if len(unknown) == 0 {
		return out, nil
	}
	found, err := s.dictionary.load(ctx, assetsByID16SQL, unknown)
	if err != nil {
		return nil, err
	}
	byID16 := make(map[asset.ID]KnownAsset, len(found))
	for _, a := range found {
		byID16[a.Digest.ID()] = a
	}
	for _, i := range positions {
		out[i] = byID16[ids[i]]
	}
	return out, nil
}

const assetsByIDSQL = `
SELECT id, digest, kind FROM asset WHERE id = ANY ($1::bigint[])`

// AssetDigests returns the digests of dictionary ids, in their order. An id that the dictionary lacks is an error:
// sections only name what was inserted before.
func (s *Store) AssetDigests(ctx context.Context, ids []int64) ([]asset.Digest, error) {
	out := make([]asset.Digest, len(ids))
	var unknown []int64
	for i, id := range ids {
		known, ok := s.dictionary.byID.get(id)
		if !ok {
			unknown = append(unknown, id)
		}
		out[i] = known.Digest
	}
	if len(unknown) == 0 {
		return out, nil
	}
	found, err := s.dictionary.load(ctx, assetsByIDSQL, unknown)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]asset.Digest, len(found))
	for _, a := range found {
		byID[a.ID] = a.Digest
	}
	for i, id := range ids {
		if !out[i].IsZero() {
			continue
		}
		if out[i] = byID[id]; out[i].IsZero() {
			return nil, fmt.Errorf("asset %d: %w", id, ErrNotFound)
		}
	}
	return out, nil
}

// load runs one of the dictionary's queries and remembers what it found.
func (d *dictionary) load(ctx context.Context, query string, keys any) ([]KnownAsset, error) {
	rows, err := d.pool.Query(ctx, query, keys)
	if err != nil {
		return nil, fmt.Errorf("look up assets: %w", err)
	}
	defer rows.Close()
	var found []KnownAsset
	for rows.Next() {
		var a KnownAsset
		var digest []byte
		if err := rows.Scan(&a.ID, &digest, &a.Kind); err != nil {
			return nil, fmt.Errorf("look up assets: %w", err)
		}
		if a.Digest, err = asset.ParseDigest(digest); err != nil {
			return nil, fmt.Errorf("asset %d: %w", a.ID, err)
		}
		d.remember(a)
		found = append(found, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look up assets: %w", err)
	}
	return found, nil
}

// PutAssets inserts what the dictionary lacks of assets, in a transaction of its own that merges what other callers
// insert at the same time. An asset whose short id belongs to another digest is an error.
func (s *Store) PutAssets(ctx context.Context, assets []NewAsset) error {
	if len(assets) == 0 {
		return nil
	}
	_, err := s.dictionary.inserts.do(ctx, assets)
	return err
}

// Sorted by digest, so that two writers never wait for each other in a circle; NOT EXISTS first, because ON CONFLICT
// alone burns an id for every known asset.
const insertAssetsSQL = `
INSERT INTO asset (digest, kind, name, version, body)
SELECT n.digest, n.kind, n.name, n.version, n.body::json
FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[]) AS n(digest, kind, name, version, body)
WHERE NOT EXISTS (SELECT FROM asset a WHERE substr(a.digest, 1, 16) = substr(n.digest, 1, 16))
ORDER BY n.digest
ON CONFLICT DO NOTHING`

func (d *dictionary) insert(ctx context.Context, requests [][]NewAsset) ([]struct{}, error) {
	assets := slices.Concat(requests...)
	slices.SortFunc(assets, func(a, b NewAsset) int { return a.Digest.Compare(b.Digest) })
	assets = slices.CompactFunc(assets, func(a, b NewAsset) bool { return a.Digest == b.Digest })
	digests := make([][]byte, len(assets))
	columns := make([][]string, 4)
	for i := range columns {
		columns[i] = make([]string, len(assets))
	}
	for i, a := range assets {
		digests[i] = a.Digest[:]
		name, version := nameOf(a.Kind, a.Body)
		columns[0][i], columns[1][i], columns[2][i], columns[3][i] = a.Kind, name, version, string(a.Body)
	}
	_, err := d.pool.Exec(ctx, insertAssetsSQL, digests, columns[0], columns[1], columns[2], columns[3])
	if err != nil {
		return nil, fmt.Errorf("insert assets: %w", err)
	}
	return make([]struct{}, len(requests)), nil
}
