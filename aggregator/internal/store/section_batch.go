// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math/bits"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// LoadSections is LoadSection for many sections, in their order, at one question to the database for what is not in
// memory: what several of them have is looked up and put into order once.
func (s *Store) LoadSections(ctx context.Context, sections []*pack.Section) ([]*snapshot.Section, error) {
	var ids []int64
	for _, section := range sections {
		if section.Shared {
			ids = union(ids, section.IDs)
		}
	}
	assets, err := s.loadAssets(ctx, ids)
	if err != nil {
		return nil, err
	}
	ordered := orderOf(ids, assets)
	out := make([]*snapshot.Section, len(sections))
	for i, section := range sections {
		out[i] = &snapshot.Section{Kind: section.Kind, Assets: section.Facts}
		if section.Shared {
			out[i].Assets = ordered.pick(section.IDs)
		}
	}
	return out, nil
}

// union returns what is in one of two ascending lists. It may return the first one.
func union(a, b []int64) []int64 {
	missing, i := 0, 0
	for _, id := range b {
		for i < len(a) && a[i] < id {
			i++
		}
		if i == len(a) || a[i] != id {
			missing++
		}
	}
	if missing == 0 {
		return a
	}
	both := make([]int64, 0, len(a)+missing)
	i = 0
	for _, id := range b {
		for i < len(a) && a[i] < id {
			both = append(both, a[i])
			i++
		}
		if i < len(a) && a[i] == id {
			i++
		}
		both = append(both, id)
	}
	return append(both, a[i:]...)
}

// loadAssets returns assets in the order of their ids.
func (s *Store) loadAssets(ctx context.Context, ids []int64) ([]snapshot.Asset, error) {
	assets := make([]snapshot.Asset, len(ids))
	var unknown []int64
	known := 0
	s.dictionary.bodies.getAll(ids, func(i int, a snapshot.Asset) {
		unknown = append(unknown, ids[known:i]...)
		known = i + 1
		assets[i] = a
	})
	unknown = append(unknown, ids[known:]...)
	places := make(map[int64]int, len(unknown))
	for i, id := range ids {
		if len(places) < len(unknown) && id == unknown[len(places)] {
			places[id] = i
		}
	}
	return assets, s.eachBody(ctx, unknown, func(id int64, a snapshot.Asset) { assets[places[id]] = a })
}

// order puts some of many assets into the order of their digests without comparing those.
type order struct {
	ids    []int64 // ascending
	ranks  []int32 // of the ids: where the asset stands by digest
	assets []snapshot.Asset
	chosen []uint64 // bits, by rank; all are 0 between two uses
}

func orderOf(ids []int64, assets []snapshot.Asset) *order {
	o := &order{ids: ids, ranks: make([]int32, len(ids)), chosen: make([]uint64, (len(ids)+63)/64)}
	places := placesByDigest(assets)
	o.assets = make([]snapshot.Asset, len(assets))
	for rank, place := range places {
		o.ranks[place], o.assets[rank] = int32(rank), assets[place]
	}
	return o
}

// pick returns the assets with these ids, which ascend, by ascending digest.
func (o *order) pick(ids []int64) []snapshot.Asset {
	i := 0
	for _, id := range ids {
		for o.ids[i] < id {
			i++
		}
		o.chosen[o.ranks[i]/64] |= 1 << (o.ranks[i] % 64)
	}
	picked := make([]snapshot.Asset, 0, len(ids))
	for word, set := range o.chosen {
		for ; set != 0; set &= set - 1 {
			picked = append(picked, o.assets[word*64+bits.TrailingZeros64(set)])
		}
		o.chosen[word] = 0
	}
	return picked
}
