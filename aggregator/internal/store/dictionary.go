// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
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

	epochLock sync.Mutex
	epoch     string // that the caches belong to; empty: not known
}

// cachedAssets bounds the caches of names: some 150 bytes each.
const cachedAssets = 400_000

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

// during forgets everything when the database is in another epoch than before: ids of the epoch before may name
// something else now.
func (d *dictionary) during(epoch string) {
	d.epochLock.Lock()
	defer d.epochLock.Unlock()
	if d.epoch != "" && d.epoch != epoch {
		d.byID16.clear()
		d.byID.clear()
		d.bodies.clear()
	}
	d.epoch = epoch
}

func (d *dictionary) remember(assets []KnownAsset) {
	for _, a := range assets {
		d.byID16.put(a.Digest.ID(), a)
		d.byID.put(a.ID, a)
	}
}

const assetsByID16SQL = `
SELECT id, digest, kind FROM asset WHERE substr(digest, 1, 16) = ANY ($1::bytea[])`

// FindAssets looks ids up in the dictionary and answers in their order; the zero KnownAsset stands for one that the
// dictionary lacks. A positive answer never becomes stale: ids are never reused.
func (s *Store) FindAssets(ctx context.Context, ids []asset.ID) ([]KnownAsset, error) {
	out := make([]KnownAsset, len(ids))
	var unknown [][]byte
	var positions []int
	s.dictionary.byID16.getAll(ids, func(i int, known KnownAsset) { out[i] = known })
	for i := range out {
		if out[i].ID == 0 {
			unknown = append(unknown, ids[i][:])
			positions = append(positions, i)
		}
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

// AssetDigests returns the digests of dictionary ids, in their order. An id that the dictionary lacks is ErrNoAsset:
// sections only name what was inserted before.
func (s *Store) AssetDigests(ctx context.Context, ids []int64) ([]asset.Digest, error) {
	out := make([]asset.Digest, len(ids))
	var unknown []int64
	s.dictionary.byID.getAll(ids, func(i int, known KnownAsset) { out[i] = known.Digest })
	for i := range out {
		if out[i].IsZero() {
			unknown = append(unknown, ids[i])
		}
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
			return nil, fmt.Errorf("asset %d: %w", id, ErrNoAsset)
		}
	}
	return out, nil
}

// load runs one of the dictionary's queries and remembers what it found.
func (d *dictionary) load(ctx context.Context, query string, keys any) ([]KnownAsset, error) {
	rows, _ := d.pool.Query(ctx, query, keys) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, scanKnownAsset)
	if err != nil {
		return nil, fmt.Errorf("look up assets: %w", err)
	}
	d.remember(found)
	return found, nil
}

func scanKnownAsset(row pgx.CollectableRow) (KnownAsset, error) {
	var a KnownAsset
	var digest []byte
	err := row.Scan(&a.ID, &digest, &a.Kind)
	if err == nil {
		a.Digest, err = asset.ParseDigest(digest)
	}
	return a, err
}
