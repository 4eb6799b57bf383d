// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// rememberedObjects bounds the nested objects whose numbers are in memory, twice over: some 100 MB for a million.
const rememberedObjects = 500_000

// numbers gives nested objects numbers by their digests, from 1 for each model. It forgets the objects that were met
// longest ago: one that comes again after that many others gets another number, and is written again under it.
type numbers struct {
	most       int
	young, old map[asset.ID]int64
	last       map[string]int64 // by model
}

func newNumbers(most int) *numbers {
	return &numbers{most: most, young: map[asset.ID]int64{}, last: map[string]int64{}}
}

// of returns the number of an object; fresh says that it is given out now.
func (n *numbers) of(model string, digest asset.Digest) (number int64, fresh bool) {
	id := digest.ID()
	if number, ok := n.young[id]; ok {
		return number, false
	}
	number, known := n.old[id]
	if !known {
		n.last[model]++
		number = n.last[model]
	}
	if len(n.young) >= n.most {
		n.old, n.young = n.young, map[asset.ID]int64{}
	}
	n.young[id] = number
	return number, !known
}

// idSet is a set of dictionary ids, which are dense: a bit or so of memory for each.
type idSet struct {
	pages map[int64]*[pageWords]uint64
}

const (
	pageWords = 512
	pageIDs   = pageWords * 64
)

// add puts an id in and tells whether it is new.
func (s *idSet) add(id int64) bool {
	page := s.pages[id/pageIDs]
	if page == nil {
		if s.pages == nil {
			s.pages = map[int64]*[pageWords]uint64{}
		}
		page = new([pageWords]uint64)
		s.pages[id/pageIDs] = page
	}
	word, bit := &page[id%pageIDs/64], uint64(1)<<(id%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// maxPaired is what pairOf takes at most: above it numbers do not fit 63 bits.
const maxPaired = 1<<31 - 1

// pairOf numbers the changes of heads, each with a number of its own that is always the same: Szudzik's pairing function.
// Numbers stay below 2^53, which JSON readers keep exactly, up to some ninety million heads or changes of one.
func pairOf(head, seq int64) (int64, error) {
	if head < 1 || seq < 1 || max(head, seq) > maxPaired {
		return 0, fmt.Errorf("change %d of head %d has no number", seq, head)
	}
	if head < seq {
		return seq*seq + head, nil
	}
	return head*head + head + seq, nil
}
