// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

const testKind = "deb_packages"

// digestOf names the n-th of a few assets.
func digestOf(n int) asset.Digest { return asset.Of(testKind, fmt.Appendf(nil, `{"size":%d}`, n)) }

// bodyLists draws bodies in any order, with repetitions.
func bodyLists() *rapid.Generator[[][]byte] {
	return rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 40), func(n int) []byte { return fmt.Appendf(nil, `{"size":%d}`, n) }), 0, 60)
}

// digestSets draws strictly ascending digests.
func digestSets() *rapid.Generator[[]asset.Digest] {
	return rapid.Map(bodyLists(), func(rows [][]byte) []asset.Digest { return NewSection(testKind, rows).Digests() })
}

func idsOf(digests []asset.Digest) []asset.ID {
	ids := make([]asset.ID, len(digests))
	for i := range digests {
		ids[i] = digests[i].ID()
	}
	return ids
}

func TestSectionIsASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := bodyLists().Draw(t, "rows")
		section := NewSection(testKind, rows)
		var again [][]byte
		for _, row := range rows {
			for range rapid.IntRange(1, 2).Draw(t, "copies") {
				again = append(again, row)
			}
		}
		other := NewSection(testKind, rapid.Permutation(again).Draw(t, "order"))
		if got, want := other.Digest(), section.Digest(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		digests := section.Digests()
		for i := 1; i < len(digests); i++ {
			if digests[i-1].Compare(digests[i]) >= 0 {
				t.Fatalf("digest %d is not above the one before it", i)
			}
		}
	})
}

func TestOtherKindOrAssetsGiveAnotherDigest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := digestSets().Draw(t, "a")
		b := digestSets().Draw(t, "b")
		if got, want := Digest(testKind, a) == Digest(testKind, b), slices.Equal(a, b); got != want {
			t.Fatalf("equal digests: %v, equal assets: %v", got, want)
		}
		if Digest(testKind, a) == Digest("disks", a) {
			t.Fatal("the kind has no part in the digest")
		}
	})
}

func TestDiffIsWhatApplyTakes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := digestSets().Draw(t, "before")
		after := digestSets().Draw(t, "after")
		added, removed := Diff(before, after)
		if !slices.IsSortedFunc(added, asset.Digest.Compare) || !slices.IsSortedFunc(removed, asset.Digest.Compare) {
			t.Fatal("want both lists ascending")
		}
		got, err := Apply(before, rapid.Permutation(idsOf(removed)).Draw(t, "removed"), rapid.Permutation(added).Draw(t, "added"))
		if err != nil || !slices.Equal(got, after) {
			t.Fatalf("got %v, %v; want %v", got, err, after)
		}
		if back, forth := Diff(after, before); !slices.Equal(back, removed) || !slices.Equal(forth, added) {
			t.Fatal("want the way back to be the way there, turned round")
		}
	})
}

func TestChangesAppliedOneByOneEqualARebuild(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var have []asset.Digest
		model := map[int]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			var added []asset.Digest
			var removed []asset.ID
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 8, rapid.ID[int]).Draw(t, "turned") {
				if model[n] {
					removed = append(removed, digestOf(n).ID())
				} else {
					added = append(added, digestOf(n))
				}
				model[n] = !model[n]
			}
			var err error
			if have, err = Apply(have, removed, added); err != nil {
				t.Fatal(err)
			}
		}
		var rows [][]byte
		for n, present := range model {
			if present {
				rows = append(rows, fmt.Appendf(nil, `{"size":%d}`, n))
			}
		}
		if got, want := Digest(testKind, have), NewSection(testKind, rows).Digest(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestApplyRefusesExactlyWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 6)
		before := digestSets().Filter(func(d []asset.Digest) bool { return len(d) > 0 }).Draw(t, "before")
		var removed []asset.ID
		for _, n := range numbers.Draw(t, "removed") {
			removed = append(removed, digestOf(n).ID())
		}
		var added []asset.Digest
		for _, n := range numbers.Draw(t, "added") {
			added = append(added, digestOf(n))
		}
		given := slices.Concat(removed, idsOf(before), idsOf(added))
		_, err := Apply(before, removed, added)
		if want := expected(before, removed, added); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
		if !slices.Equal(given, slices.Concat(removed, idsOf(before), idsOf(added))) {
			t.Fatal("Apply changed what it was given")
		}
	})
}

// expected is the error that Apply must give, worked out with a map.
func expected(before []asset.Digest, removed []asset.ID, added []asset.Digest) error {
	have := map[asset.ID]bool{}
	for _, d := range before {
		have[d.ID()] = true
	}
	for _, id := range removed {
		if !have[id] {
			return ErrAbsent
		}
		delete(have, id)
	}
	for _, d := range added {
		if have[d.ID()] {
			return ErrPresent
		}
		have[d.ID()] = true
	}
	return nil
}

func TestTwoDigestsBehindOneIDAreRefused(t *testing.T) {
	t.Parallel()
	a := digestOf(1)
	b := a
	b[31] ^= 1
	if _, err := Apply([]asset.Digest{a}, nil, []asset.Digest{b}); !errors.Is(err, ErrPresent) {
		t.Errorf("got %v, want %v", err, ErrPresent)
	}
	got, err := Apply([]asset.Digest{a}, []asset.ID{a.ID()}, []asset.Digest{b})
	if err != nil || !slices.Equal(got, []asset.Digest{b}) {
		t.Errorf("one for the other: got %v, %v; want %v", got, err, b)
	}
}

func TestRootTellsEmptyFromDropped(t *testing.T) {
	t.Parallel()
	full := map[string]asset.Digest{"disks": Digest("disks", nil), testKind: Digest(testKind, []asset.Digest{digestOf(1)})}
	dropped := map[string]asset.Digest{testKind: full[testKind]}
	if Root(full) == Root(dropped) || Root(dropped) == Root(nil) {
		t.Error("want an empty section to be part of the root")
	}
	swapped := map[string]asset.Digest{"disks": full[testKind], testKind: full["disks"]}
	if Root(full) == Root(swapped) {
		t.Error("want the kind of a digest to be part of the root")
	}
}
