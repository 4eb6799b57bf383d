// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// ChangeKey names a change.
type ChangeKey struct {
	Head int64
	Seq  int64
}

// The primary key of changes begins with both. Weeks before since are not looked at.
const changesOfSQL = `
SELECT k.place, c.head, c.seq, c.at, c.root, c.kinds, c.delta
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k(head, seq, place)
JOIN change c ON c.head = k.head AND c.seq = k.seq AND c.at >= $3
ORDER BY k.place`

var errEnough = errors.New("enough was read")

// ChangesOf returns changes by head and seq, of those made since a moment. What is gone is missing from the answer. It
// stops once what it has is about so many assets or more, and returns for how many of the keys it has looked.
func (s *Store) ChangesOf(ctx context.Context, keys []ChangeKey, since time.Time, most int) (found map[ChangeKey]Change, looked int, err error) {
	heads, seqs := make([]int64, len(keys)), make([]int64, len(keys))
	for i, key := range keys {
		heads[i], seqs[i] = key.Head, key.Seq
	}
	found, looked = make(map[ChangeKey]Change, len(keys)), len(keys)
	rows, _ := s.pool.Query(ctx, changesOfSQL, heads, seqs, since) // its error comes back from ForEachRow
	var place, assets int
	var head int64
	var stored storedChange
	_, err = pgx.ForEachRow(rows, []any{&place, &head, &stored.Seq, &stored.At, &stored.Root, &stored.Kinds, &stored.Delta}, func() error {
		if assets >= most && place > 1 {
			looked = place - 1
			return errEnough
		}
		change, err := stored.decode()
		found[ChangeKey{head, stored.Seq}] = change
		for i := range change.Deltas {
			d := &change.Deltas[i]
			assets += len(d.AddedIDs) + len(d.RemovedIDs) + len(d.Added) + len(d.Removed)
		}
		stored = storedChange{}
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, 0, fmt.Errorf("%d changes: %w", len(keys), err)
	}
	return found, looked, nil
}

// SharedBodies returns shared assets by their dictionary ids, in memory or from the dictionary; ids may repeat. Bodies
// are shared with other callers: nobody may change them. An id that the dictionary lacks is ErrNoAsset.
func (s *Store) SharedBodies(ctx context.Context, ids []int64) (map[int64]snapshot.Asset, error) {
	bodies := make(map[int64]snapshot.Asset, len(ids))
	s.dictionary.bodies.getAll(ids, func(i int, a snapshot.Asset) { bodies[ids[i]] = a })
	var missing []int64
	for _, id := range ids {
		if _, ok := bodies[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return bodies, nil
	}
	read, err := s.BodiesOf(ctx, missing)
	if err != nil {
		return nil, err
	}
	for id, shared := range read {
		a := snapshot.Asset{Digest: shared.Digest, Body: shared.Body}
		if bodies[id] = a; len(a.Body) <= maxCachedBody {
			s.dictionary.bodies.put(id, a)
		}
	}
	return bodies, nil
}

const (
	seqsSQL     = `SELECT id, seq FROM head WHERE id = ANY ($1)`
	undoManySQL = `
SELECT head, seq, at, root, kinds, delta FROM change WHERE head = ANY ($1) AND seq > 1 ORDER BY head, seq DESC`
)

// FirstSnapshots returns what heads held after their first change, of the given kinds; kinds that hold no shared assets
// but install times need those too. A head is missing from the answer when it is gone, or a change since is.
func (s *Store) FirstSnapshots(ctx context.Context, heads []int64, kinds []string) (map[int64]pack.Sections, error) {
	all := make(map[int64]pack.Sections, len(heads))
	for some := range slices.Chunk(heads, streamBatch) {
		err := s.inSnapshot(ctx, func(ctx context.Context, tx pgx.Tx) error { return firstSnapshots(ctx, tx, some, kinds, all) })
		if err != nil {
			return nil, fmt.Errorf("first snapshots: %w", err)
		}
	}
	return all, nil
}

func firstSnapshots(ctx context.Context, tx pgx.Tx, heads []int64, kinds []string, all map[int64]pack.Sections) error {
	seqs := make(map[int64]int64, len(heads)) // as far as each is undone
	rows, _ := tx.Query(ctx, seqsSQL, heads)  // its error comes back from ForEachRow
	var head, seq int64
	if _, err := pgx.ForEachRow(rows, []any{&head, &seq}, func() error { seqs[head] = seq; return nil }); err != nil {
		return err
	}
	folded, err := foldHeads(ctx, tx, heads, kinds)
	if err != nil {
		return err
	}
	rows, _ = tx.Query(ctx, undoManySQL, heads) // its error comes back from ForEachRow
	var stored storedChange
	_, err = pgx.ForEachRow(rows, []any{&head, &stored.Seq, &stored.At, &stored.Root, &stored.Kinds, &stored.Delta}, func() error {
		change, err := stored.decode()
		stored = storedChange{}
		if err != nil || change.Seq != seqs[head] { // a gap
			return err
		}
		seqs[head]--
		if folded[head] == nil {
			folded[head] = pack.Sections{}
		}
		change.Deltas = slices.DeleteFunc(change.Deltas, func(d pack.Delta) bool { return !slices.Contains(kinds, d.Kind) })
		return undoDeltas(folded[head], change.Deltas)
	})
	if err != nil {
		return err
	}
	for head, seq := range seqs {
		if seq != 1 {
			continue
		}
		if all[head] = folded[head]; all[head] == nil {
			all[head] = pack.Sections{}
		}
	}
	return nil
}
