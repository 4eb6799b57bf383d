// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

func TestRowsFoldToTheSectionsWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := table{}
		var history []Sections
		now := Sections{}
		for range rapid.IntRange(1, 8).Draw(t, "commits") {
			history = append(history, now)
			after := change(t, now)
			commit(t.Fatalf, rows, now, after)
			now = after
		}
		// The same history backwards.
		for i := len(history) - 1; i >= 0; i-- {
			commit(t.Fatalf, rows, now, history[i])
			now = history[i]
		}
	})
}

func TestManySmallChangesFoldTheTailIntoTheBase(t *testing.T) {
	t.Parallel()
	rows, now := table{}, Sections{}
	step := func(after Sections) Plan {
		t.Helper()
		plan := commit(t.Fatalf, rows, now, after)
		now = after
		return plan
	}
	ids := make([]int64, 2100)
	for i := range ids {
		ids[i] = int64(1000 + 3*i)
	}
	step(Sections{"deb_packages": sharedSection("deb_packages", ids...)})
	base := rows["deb_packages"].Base
	bases, tails := 0, 0
	for i := range 200 {
		ids[i*7] = int64(1<<20 + i) // one package is upgraded
		plan := step(Sections{"deb_packages": sharedSection("deb_packages", slices.Clone(ids)...)})
		bases += len(plan.Upsert)
		tails += len(plan.Tail)
		if len(plan.Tail) == 1 && !slices.Equal(rows["deb_packages"].Base, base) {
			t.Fatal("a change in the tail wrote the base")
		}
		base = rows["deb_packages"].Base
	}
	// An upgrade takes two entries of four bytes or less, so some 32 fit: every 33rd or so writes the base.
	if bases+tails != 200 || bases < 4 || bases > 8 {
		t.Errorf("200 upgrades: got %d bases and %d tails written, want about 6 bases", bases, tails)
	}
}

func TestSectionsGrowIntoARowOfTheirOwnAndBack(t *testing.T) {
	t.Parallel()
	small := Sections{"deb_packages": sharedSection("deb_packages", 1, 2, 3), "disks": privateSection("disks", 20, 1, 2)}
	many := make([]int64, 2000)
	for i := range many {
		many[i] = int64(i + 1)
	}
	ten, eight := privateSection("disks", 400, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), privateSection("disks", 400, 11, 12, 13, 14, 15, 16, 17, 18)
	tests := []struct {
		name  string
		after Sections
		rows  []string
	}{
		{"small sections share a row", small, []string{""}},
		{"a large shared one leaves it", Sections{"deb_packages": sharedSection("deb_packages", many...), "disks": small["disks"]}, []string{"", "deb_packages"}},
		{"a large private one leaves it", Sections{"deb_packages": sharedSection("deb_packages", many...), "disks": ten}, []string{"", "deb_packages", "disks"}},
		{"half the size is large still", Sections{"deb_packages": sharedSection("deb_packages", many[:600]...), "disks": eight}, []string{"", "deb_packages", "disks"}},
		{"an eighth of it is not", Sections{"deb_packages": sharedSection("deb_packages", many[:100]...), "disks": eight}, []string{"", "disks"}},
		{"what fits into the tail moves nothing", Sections{"disks": privateSection("disks", 400, 11)}, []string{"", "disks"}},
		{"large from the start", Sections{"python_packages": sharedSection("python_packages", many...)}, []string{"", "python_packages"}},
		{"dropped", Sections{}, []string{""}},
	}
	rows, now := table{}, Sections{}
	for _, test := range tests {
		commit(t.Fatalf, rows, now, test.after)
		now = test.after
		if got := slices.Sorted(maps.Keys(rows)); !slices.Equal(got, test.rows) {
			t.Errorf("%s: rows %q, want %q", test.name, got, test.rows)
		}
	}
}

func TestAnUnreadableTailIsWrittenAnew(t *testing.T) {
	t.Parallel()
	ids := make([]int64, 2000)
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	rows := table{}
	before := Sections{"deb_packages": sharedSection("deb_packages", ids...)}
	commit(t.Fatalf, rows, Sections{}, before)
	row := rows["deb_packages"]
	row.Tail = []byte{77}
	rows["deb_packages"] = row
	commit(t.Fatalf, rows, before, Sections{"deb_packages": sharedSection("deb_packages", ids[1:]...)})
}

func TestRootLeavesTheAggregatorsKeysOut(t *testing.T) {
	t.Parallel()
	disks := privateSection("disks", 10, 1)
	with := Sections{"disks": disks, KindAdded: privateSection(KindAdded, 10, 1)}
	want := snapshot.Root(map[string]asset.Digest{"disks": disks.Digest})
	if got := with.Root(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDiffOfNothingIsEmpty(t *testing.T) {
	t.Parallel()
	section, empty := sharedSection("deb_packages", 1), sharedSection("deb_packages")
	tests := []struct {
		name          string
		before, after *Section
		empty         bool
	}{
		{"absent twice", nil, nil, true},
		{"equal", section, section, true},
		{"empty twice", empty, empty, true},
		{"an empty section came", nil, empty, false},
		{"an empty section went", empty, nil, false},
		{"emptied", section, empty, false},
	}
	for _, test := range tests {
		if d := Diff(test.before, test.after); d.Empty() != test.empty {
			t.Errorf("%s: got %+v, want empty %v", test.name, d, test.empty)
		}
	}
}
