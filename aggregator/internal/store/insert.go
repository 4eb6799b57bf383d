// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	// maxInsertBatch bounds how many pushes' new assets are merged.
	maxInsertBatch = 32
	// One transaction inserts at most so many assets, of some so many bytes.
	maxInsertRows  = 5000
	maxInsertBytes = 4 << 20
)

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
	d.rememberBodies(known, assets)
	return nil
}

// rememberBodies keeps copies of small bodies, which the checks of this very push may read. The bodies themselves lie
// in the messages that they came in.
func (d *dictionary) rememberBodies(known []KnownAsset, assets []NewAsset) {
	for _, k := range known {
		at, found := slices.BinarySearchFunc(assets, k.Digest, func(a NewAsset, digest asset.Digest) int { return a.Digest.Compare(digest) })
		if found && len(assets[at].Body) <= maxCachedBody {
			d.bodies.put(k.ID, snapshot.Asset{Digest: k.Digest, Body: bytes.Clone(assets[at].Body)})
		}
	}
}
