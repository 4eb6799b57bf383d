// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
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

const (
	// cachedAssets bounds the cache: some 150 bytes each.
	cachedAssets = 400_000
	// maxInsertBatch bounds how many pushes' new assets are merged.
	maxInsertBatch = 32
	// One transaction inserts at most so many assets, of some so many bytes.
	maxInsertRows  = 5000
	maxInsertBytes = 4 << 20
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

// PutAssets inserts what the dictionary lacks of assets, in a transaction of its own that merges what other callers
// insert at the same time. An asset whose short id belongs to another digest is passed over: FindAssets, which knows
// them all afterwards without asking the database, has the other digest.
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

// insert writes a batch, in transactions of bounded size one after the other.
func (d *dictionary) insert(ctx context.Context, requests [][]NewAsset) ([]struct{}, error) {
	assets := slices.Concat(requests...)
	slices.SortFunc(assets, func(a, b NewAsset) int { return a.Digest.Compare(b.Digest) })
	assets = slices.CompactFunc(assets, func(a, b NewAsset) bool { return a.Digest == b.Digest })
	for len(assets) > 0 {
		n, size := 0, 0
		for n < len(assets) && n < maxInsertRows && size < maxInsertBytes {
			size += len(assets[n].Body)
			n++
		}
		if err := d.insertSome(ctx, assets[:n]); err != nil {
			return nil, err
		}
		assets = assets[n:]
	}
	return make([]struct{}, len(requests)), nil
}

// insertSome inserts assets, which are sorted, and reads their ids, all in one round trip.
func (d *dictionary) insertSome(ctx context.Context, assets []NewAsset) error {
	digests, ids := make([][]byte, len(assets)), make([][]byte, len(assets))
	columns := make([][]string, 4)
	for i := range columns {
		columns[i] = make([]string, len(assets))
	}
	for i := range assets {
		a := &assets[i]
		digests[i], ids[i] = a.Digest[:], a.Digest[:len(asset.ID{})]
		name, version := nameOf(a.Kind, a.Body)
		columns[0][i], columns[1][i], columns[2][i], columns[3][i] = a.Kind, name, version, string(a.Body)
	}
	var known []KnownAsset
	batch := &pgx.Batch{}
	batch.Queue(insertAssetsSQL, digests, columns[0], columns[1], columns[2], columns[3])
	batch.Queue(assetsByID16SQL, ids).Query(func(rows pgx.Rows) (err error) {
		known, err = pgx.CollectRows(rows, scanKnownAsset)
		return err
	})
	if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("insert %d assets: %w", len(assets), err)
	}
	d.remember(known) // now that they are committed
	return nil
}
