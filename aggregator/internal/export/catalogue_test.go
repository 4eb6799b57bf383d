// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCatalogueSortsLikeSorting goes through machines of shared and own facts, as an export does, with a catalogue that
// has room for some of them only.
func TestCatalogueSortsLikeSorting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		distinct := rapid.IntRange(1, 2000).Draw(t, "distinct facts")
		c := newCatalogue(rapid.IntRange(1, 2*distinct).Draw(t, "room"))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range rapid.IntRange(1, 20).Draw(t, "machines") {
			var facts, fresh []*fact
			for _, n := range rng.Perm(distinct)[:rng.IntN(distinct+1)] {
				if known, ok := c.byID[int64(n+1)]; ok {
					facts = append(facts, known)
					continue
				}
				// Several have one name, and some the same version too.
				fresh = append(fresh, &fact{id: int64(n + 1), name: fmt.Sprint(n * 7919 % 300), version: fmt.Sprint(n % 2)})
			}
			c.add(fresh)
			facts = append(facts, fresh...)
			for range rng.IntN(3) {
				own := &fact{name: fmt.Sprint(rng.IntN(300)), version: fmt.Sprint("own", len(facts))}
				facts = append(facts, own)
			}
			want := slices.SortedFunc(slices.Values(facts), (*fact).compare)
			if got := c.inOrder(nil, facts); !slices.Equal(got, want) {
				t.Fatalf("%d facts in another order than sorted, or others", len(got))
			}
		}
	})
}
