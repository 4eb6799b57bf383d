// SPDX-License-Identifier: Apache-2.0

package index

import "github.com/RoaringBitmap/roaring/v2"

// bulkHeads is how many heads are entered together.
const bulkHeads = 1024

// bulk enters the assets of many heads at once: sorted by asset, so that each bitmap is fetched into the processor's
// cache once for all the heads that have the asset.
type bulk struct {
	catalog  *catalog
	ordinals []uint32
	ends     []int   // behind the ids of each head
	ids      []int64 // of all heads

	next    []uint32 // by dictionary id: where its next ordinal goes; 0: not among ids
	touched []int64  // different ids, in the order in which sorted has them
	sorted  []uint32 // ordinals by asset
}

// add takes the ids of a head.
func (b *bulk) add(ordinal uint32, ids []int64) {
	b.ordinals = append(b.ordinals, ordinal)
	for _, id := range ids {
		if b.catalog.asset(id) != nil {
			b.ids = append(b.ids, id)
		}
	}
	b.ends = append(b.ends, len(b.ids))
	if len(b.ordinals) >= bulkHeads {
		b.flush()
	}
}

// flush writes into the catalog what was added.
func (b *bulk) flush() {
	b.count()
	b.sort()
	begin := uint32(0)
	for _, id := range b.touched {
		a := b.catalog.asset(id)
		if a.heads == nil {
			a.heads = roaring.New()
		}
		end := b.next[id]
		a.heads.AddMany(b.sorted[begin:end])
		begin, b.next[id] = end, 0
	}
	b.ordinals, b.ends, b.ids, b.touched = b.ordinals[:0], b.ends[:0], b.ids[:0], b.touched[:0]
}

// count leaves in next where each id's ordinals begin.
func (b *bulk) count() {
	for _, id := range b.ids {
		for int64(len(b.next)) <= id {
			b.next = append(b.next, make([]uint32, pageSize)...)
		}
		if b.next[id] == 0 {
			b.touched = append(b.touched, id)
		}
		b.next[id]++
	}
	begin := uint32(0)
	for _, id := range b.touched {
		begin, b.next[id] = begin+b.next[id], begin
	}
}

// sort is a counting sort; afterwards next is where each id's ordinals end.
func (b *bulk) sort() {
	if cap(b.sorted) < len(b.ids) {
		b.sorted = make([]uint32, len(b.ids))
	}
	b.sorted = b.sorted[:len(b.ids)]
	begin := 0
	for i, end := range b.ends {
		for _, id := range b.ids[begin:end] {
			b.sorted[b.next[id]] = b.ordinals[i]
			b.next[id]++
		}
		begin = end
	}
}
