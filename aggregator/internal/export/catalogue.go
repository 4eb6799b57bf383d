// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// fact is one decoded asset.
type fact struct {
	id            int64 // in the dictionary; 0: of one machine only
	digest        asset.Digest
	seconds       int64 // when it came to the machine at hand, where the kind has such times
	name, version string
	cells         []table.Cell
	encoded       table.Encoded // in place of cells, when the table encodes

	// Position among the ranked facts of the catalogue, as of one ranking: its own, or when it is loose the next one's.
	rank    int
	loose   bool
	ranking int
}

// compare orders the facts of one machine.
func (f *fact) compare(other *fact) int {
	return cmp.Or(cmp.Compare(f.name, other.name), cmp.Compare(f.version, other.version), cmp.Compare(f.id, other.id))
}

// comparePlaced is compare for two loose facts that were placed.
func (f *fact) comparePlaced(other *fact) int {
	if f.rank != other.rank {
		return f.rank - other.rank
	}
	return f.compare(other)
}

// rememberedFacts bounds the decoded facts in memory, some 600 bytes each.
const rememberedFacts = 100_000

// catalogue holds the decoded facts that machines share, nearly all of them ranked. Sorting the two thousand rows of a
// machine by their names takes longer than writing them; going through a bitmap of their ranks takes next to nothing.
type catalogue struct {
	most   int             // facts that are kept
	byID   map[int64]*fact // by dictionary id
	ranked []*fact         // in the order of rows
	loose  []*fact         // came since they were ranked
	chosen []uint64        // bitmap of ranks, all zero between machines

	ranking int // counts how often ranks became other ones
}

func newCatalogue(most int) *catalogue {
	return &catalogue{most: most, byID: map[int64]*fact{}, ranking: 1}
}

// add puts in decoded facts of the dictionary. When they would be too many it forgets all others first; those that a
// caller still has stay good.
func (c *catalogue) add(facts []*fact) {
	if len(c.byID)+len(facts) > c.most {
		clear(c.byID)
		c.ranked, c.loose, c.chosen = nil, nil, nil
		c.ranking++
	}
	for _, f := range facts {
		c.byID[f.id] = f
	}
	c.loose = append(c.loose, facts...)
	const few, share = 64, 8 // so that ranking them all takes some ten times as long as ranking once
	if len(c.loose) > few+len(c.ranked)/share {
		c.rankAll()
	}
}

// rankAll leaves no fact of the catalogue loose.
func (c *catalogue) rankAll() {
	for _, f := range c.loose {
		c.place(f)
	}
	slices.SortFunc(c.loose, (*fact).comparePlaced)
	merged := make([]*fact, 0, len(c.ranked)+len(c.loose))
	next := 0
	for _, f := range c.loose {
		merged = append(merged, c.ranked[next:f.rank]...)
		merged, next = append(merged, f), f.rank
	}
	c.ranked, c.loose = append(merged, c.ranked[next:]...), nil
	c.ranking++
	for rank, f := range c.ranked {
		f.rank, f.loose, f.ranking = rank, false, c.ranking
	}
	c.chosen = make([]uint64, len(c.ranked)/64+1)
}

// place finds out where a loose fact belongs.
func (c *catalogue) place(f *fact) {
	if f.ranking == c.ranking {
		return
	}
	f.rank, _ = slices.BinarySearchFunc(c.ranked, f, (*fact).compare)
	f.loose, f.ranking = true, c.ranking
}

// inOrder appends facts, of the catalogue or not but none of them twice, to rows in the order of rows. It leaves facts in
// disorder.
func (c *catalogue) inOrder(rows, facts []*fact) []*fact {
	loose := facts[:0]
	for _, f := range facts {
		if c.place(f); f.loose {
			loose = append(loose, f)
			continue
		}
		c.chosen[f.rank/64] |= 1 << (f.rank % 64)
	}
	slices.SortFunc(loose, (*fact).comparePlaced)
	for word, set := range c.chosen {
		for ; set != 0; set &= set - 1 {
			rank := word*64 + bits.TrailingZeros64(set)
			for len(loose) > 0 && loose[0].rank <= rank {
				rows, loose = append(rows, loose[0]), loose[1:]
			}
			rows = append(rows, c.ranked[rank])
		}
		c.chosen[word] = 0
	}
	return append(rows, loose...)
}
