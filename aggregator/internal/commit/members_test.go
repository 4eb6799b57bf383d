// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

func TestSortedDigestsAreInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]int{1, 3, 256}).Draw(t, "first bytes")
		digests := rapid.SliceOf(rapid.Custom(func(t *rapid.T) asset.Digest {
			return asset.Digest{0: byte(255 - rapid.IntRange(0, first-1).Draw(t, "0")), 7: rapid.Byte().Draw(t, "7"), 31: rapid.Byte().Draw(t, "31")}
		})).Draw(t, "digests")
		want := slices.Clone(digests)
		slices.SortFunc(want, asset.Digest.Compare)
		if got := sortedDigests(digests); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func BenchmarkSortedDigests(b *testing.B) {
	digests := make([]asset.Digest, 2000)
	for i := range digests {
		digests[i] = asset.Of("deb_packages", []byte{byte(i), byte(i >> 8)})
	}
	b.Run("dealt-out", func(b *testing.B) {
		for b.Loop() {
			sortedDigests(digests)
		}
	})
	b.Run("sorted", func(b *testing.B) {
		for b.Loop() {
			slices.SortFunc(slices.Clone(digests), asset.Digest.Compare)
		}
	})
}
