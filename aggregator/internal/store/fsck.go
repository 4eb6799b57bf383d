// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// FsckCounts tells what Fsck looked at and found.
type FsckCounts struct {
	Heads    int64
	Sections int64
	Changes  int64
	Assets   int64
	Orphans  int64 // assets of the dictionary that no head and no kept change refers to: no problem
	Problems int64
}

// Fsck reads the whole database and reports what does not fit together, one line for each problem: heads whose
// sections or root have another digest than stored, changes that are missing or cannot be undone, assets that are
// referred to but not there, or that have another digest than their body, machines with another overall status than
// their statuses make. It changes nothing and may run beside commits. Its memory does not grow with the fleet, but for
// one bit for each asset.
func (s *Store) Fsck(ctx context.Context, report func(problem string)) (FsckCounts, error) {
	f := &fsck{store: s, report: report, cache: map[int64]KnownAsset{}}
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"newest asset", f.newestAsset},
		{"heads", f.heads},
		{"changes", f.strayChanges},
		{"assets", f.assets},
		{"compliance", f.compliance},
	}
	for _, step := range steps {
		if err := step.run(ctx); err != nil {
			return f.counts, fmt.Errorf("fsck: %s: %w", step.name, err)
		}
	}
	return f.counts, nil
}

// fsck is one run.
type fsck struct {
	store  *Store
	report func(string)
	counts FsckCounts
	newest int64                // asset that was the newest at the start
	used   bitset               // assets that heads and changes refer to
	cache  map[int64]KnownAsset // digests of assets, bounded
	oldest time.Time            // from when on the change log is whole
}

func (f *fsck) problem(format string, args ...any) {
	f.counts.Problems++
	f.report(fmt.Sprintf(format, args...))
}

const newestAssetSQL = `SELECT coalesce(max(id), 0) FROM asset`

func (f *fsck) newestAsset(ctx context.Context) error {
	return f.store.pool.QueryRow(ctx, newestAssetSQL).Scan(&f.newest)
}

const headIDsSQL = `SELECT id FROM head WHERE id > $1 ORDER BY id LIMIT $2`

// heads checks every head in a transaction of its own.
func (f *fsck) heads(ctx context.Context) error {
	if err := f.begins(ctx, f.store.pool); err != nil {
		return err
	}
	const batch = 1000
	last := int64(0)
	for {
		rows, _ := f.store.pool.Query(ctx, headIDsSQL, last, batch) // its error comes back from CollectRows
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := f.store.inSnapshot(ctx, func(ctx context.Context, tx pgx.Tx) error { return f.head(ctx, tx, id) }); err != nil {
				return fmt.Errorf("head %d: %w", id, err)
			}
			last = id
		}
		if len(ids) < batch {
			return nil
		}
	}
}

// begins finds out where the change log begins.
func (f *fsck) begins(ctx context.Context, db querier) error {
	mondays, err := partitions(ctx, db)
	if err != nil || len(mondays) == 0 {
		return err
	}
	f.oldest = mondays[0]
	floor, err := historyFloor(ctx, db)
	if floor.After(f.oldest) {
		f.oldest = floor
	}
	return err
}

const strayChangesSQL = `
SELECT DISTINCT c.head FROM change c WHERE NOT EXISTS (SELECT FROM head h WHERE h.id = c.head) ORDER BY c.head`

// strayChanges finds the history of heads that are not there.
func (f *fsck) strayChanges(ctx context.Context) error {
	rows, _ := f.store.pool.Query(ctx, strayChangesSQL) // its error comes back from eachRow
	return eachRow(rows, pgx.RowTo[int64], func(head int64) error {
		f.problem("changes of head %d, which does not exist", head)
		return nil
	})
}

const assetBatchSQL = `
SELECT id, digest, kind, name, version, body::text FROM asset WHERE id > $1 ORDER BY id LIMIT $2`

// assets hashes the dictionary again.
func (f *fsck) assets(ctx context.Context) error {
	const batch = 2000
	last := int64(0)
	for {
		rows, _ := f.store.pool.Query(ctx, assetBatchSQL, last, batch) // its error comes back from eachRow
		n := 0
		err := eachRow(rows, scanSharedAsset, func(a SharedAsset) error {
			n++
			last = a.ID
			f.asset(&a)
			return nil
		})
		if err != nil || n < batch {
			return err
		}
	}
}

func (f *fsck) asset(a *SharedAsset) {
	f.counts.Assets++
	if got := asset.Of(a.Kind, a.Body); got != a.Digest {
		f.problem("asset %d (%s %s): digest %s, its body has %s", a.ID, a.Kind, a.Name, a.Digest, got)
	}
	if err := asset.Validate(a.Body); err != nil {
		f.problem("asset %d (%s %s): body: %v", a.ID, a.Kind, a.Name, err)
	}
	if a.ID <= f.newest && !f.used.has(a.ID) {
		f.counts.Orphans++
	}
}

// bitset is a set of ids, which begin at 1 and have few gaps.
type bitset []uint64

func (b *bitset) add(id int64) {
	word := int(id >> 6)
	if word >= len(*b) {
		grown := make(bitset, word+word/4+64)
		copy(grown, *b)
		*b = grown
	}
	(*b)[word] |= 1 << (id & 63)
}

func (b bitset) has(id int64) bool {
	word := int(id >> 6)
	return word < len(b) && b[word]&(1<<(id&63)) != 0
}
