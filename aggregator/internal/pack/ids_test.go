// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"slices"
	"testing"
)

// TestSharedIDsAreThoseThatFoldFinds commits sections of both forms and sizes again and again, so that tails grow and
// are folded, and compares with Fold.
func TestSharedIDsAreThoseThatFoldFinds(t *testing.T) {
	t.Parallel()
	many := make([]int64, 2100)
	for i := range many {
		many[i] = int64(1000 + 3*i)
	}
	rows := table{}
	before := Sections{}
	for round := range 120 {
		packages := slices.Clone(many[round : 2000+round/2])
		after := Sections{
			"deb_packages":    sharedSection("deb_packages", packages...),
			"python_packages": sharedSection("python_packages", int64(1+round), 500),
			"disks":           privateSection("disks", 10+20*(round%2), 1, int64(round)),
		}
		commit(t.Fatalf, rows, before, after)
		before = after
		stored := rows.rows()
		got, err := AppendSharedIDs([]int64{7}, stored)
		if err != nil {
			t.Fatal(err)
		}
		want := []int64{7}
		folded, err := Fold(stored)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range folded {
			want = append(want, s.IDs...)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: got %d ids, want %d", round, len(got), len(want))
		}
	}
}

func TestSharedIDsOfDamagedRowsAreAnError(t *testing.T) {
	t.Parallel()
	for _, base := range [][]byte{{9}, {plain, 9}, {plain, baseShared, 200}, {plain, baseShared, 2, 1, 0}, {plain, baseShared, 1, 1, 1}} {
		for _, kind := range []string{"", "deb_packages"} {
			if _, err := AppendSharedIDs(nil, []Row{{Kind: kind, Base: base}}); err == nil {
				t.Errorf("%q, %v: no error", kind, base)
			}
		}
	}
}
