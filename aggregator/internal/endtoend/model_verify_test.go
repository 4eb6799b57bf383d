// SPDX-License-Identifier: Apache-2.0

//go:build unix

package endtoend_test

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// verify holds the database against the agents and against what the network saw.
func (w *world) verify(t *rapid.T) {
	owner := map[string]string{}
	for _, a := range w.agents {
		if other, taken := owner[a.disk.serial]; taken {
			t.Errorf("%s and %s share the identity %q", a.machine.name, other, a.disk.serial)
		}
		owner[a.disk.serial] = a.machine.name
		w.verifyHead(t, a)
	}
	w.verifyHistories(t)
	counts, err := w.stores[0].Fsck(t.Context(), func(problem string) { t.Errorf("fsck: %s", problem) })
	if err != nil || counts.Problems > 0 {
		t.Errorf("fsck: %d problems, error %v", counts.Problems, err)
	}
}

// verifyHead compares a head with what its agent would collect now.
func (w *world) verifyHead(t *rapid.T, a *agent) {
	head, err := w.stores[1].FindHead(t.Context(), a.disk.serial, "")
	if err != nil {
		t.Fatalf("%s: %v", a.machine.name, err)
	}
	want, err := a.machine.collect()
	if err != nil {
		t.Fatal(err)
	}
	moment, err := w.stores[1].SectionsAt(t.Context(), head.ID, time.Time{})
	if err != nil {
		t.Fatalf("%s: %v", a.machine.name, err)
	}
	got := w.loaded(t, moment.Sections)
	for _, kind := range slices.Sorted(maps.Keys(want.set)) {
		if !equalSections(got[kind], want.set[kind]) {
			t.Errorf("%s (%s): section %s differs from the machine's", a.machine.name, a.disk.serial, kind)
		}
	}
	if root := snapshot.Root(digestsOf(want.set)); head.Root != root || len(got) != len(want.set) {
		t.Errorf("%s (%s): root %s of %d sections, want %s of %d", a.machine.name, a.disk.serial, head.Root, len(got), root, len(want.set))
	}
	if head.Archived {
		t.Errorf("%s (%s) is archived, and it reported", a.machine.name, a.disk.serial)
	}
}

func equalSections(a, b *snapshot.Section) bool {
	return a != nil && slices.EqualFunc(a.Assets, b.Assets, func(x, y snapshot.Asset) bool {
		return x.Digest == y.Digest && bytes.Equal(x.Body, y.Body)
	})
}

// loaded reads sections with their bodies; what belongs to no root is left out.
func (w *world) loaded(t *rapid.T, sections pack.Sections) snapshot.Sections {
	out := snapshot.Sections{}
	for kind, s := range sections {
		if strings.HasPrefix(kind, "@") {
			continue
		}
		section, err := w.stores[1].LoadSection(t.Context(), s)
		if err != nil {
			t.Fatalf("section %s: %v", kind, err)
		}
		out[kind] = section
	}
	return out
}

// verifyHistories compares the history of every head with the pushes that were accepted: each is there once, in the
// order of their counters, unless it left the snapshot as it was.
func (w *world) verifyHistories(t *rapid.T) {
	bySerial := map[string][]push{}
	for _, p := range w.network.accepted {
		bySerial[p.serial] = append(bySerial[p.serial], p)
	}
	for _, serial := range slices.Sorted(maps.Keys(bySerial)) {
		want := w.expected(t, serial, bySerial[serial])
		head, err := w.stores[0].FindHead(t.Context(), serial, "")
		if err != nil {
			t.Fatalf("%s: %v", serial, err)
		}
		changes, err := w.stores[0].ListChanges(t.Context(), head.ID, store.ChangeFilter{Limit: 100_000})
		if err != nil {
			t.Fatalf("%s: %v", serial, err)
		}
		slices.Reverse(changes)
		var got []asset.Digest
		for _, c := range changes {
			got = append(got, c.Root)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d changes in the history, %d were accepted:\n got %v\nwant %v", serial, len(got), len(want), got, want)
		}
		w.verifyHistory(t, head, changes)
	}
}

// expected returns the roots that the accepted pushes of one head lead to.
func (w *world) expected(t *rapid.T, serial string, pushes []push) []asset.Digest {
	slices.SortStableFunc(pushes, func(a, b push) int { return cmp.Compare(a.counter, b.counter) })
	var roots []asset.Digest
	for i, p := range pushes {
		if i > 0 && pushes[i-1].counter == p.counter && pushes[i-1] != p {
			t.Errorf("%s: two pushes with the counter %d were accepted", serial, p.counter)
		}
		if len(roots) == 0 || roots[len(roots)-1] != p.root {
			roots = append(roots, p.root)
		}
	}
	return roots
}

// verifyHistory undoes the changes of a head one by one.
func (w *world) verifyHistory(t *rapid.T, head store.HeadRef, changes []store.Change) {
	for i, c := range changes {
		if c.Seq != int64(i)+1 {
			t.Fatalf("%s: change %d stands at place %d", head.Serial, c.Seq, i+1)
		}
		if i > 0 && !c.At.After(changes[i-1].At) {
			t.Errorf("%s: change %d is of %s, the one before of %s", head.Serial, c.Seq, c.At, changes[i-1].At)
		}
		moment, err := w.stores[0].SectionsAtSeq(t.Context(), head.ID, c.Seq)
		if err != nil {
			t.Fatalf("%s: change %d: %v", head.Serial, c.Seq, err)
		}
		if root := snapshot.Root(digestsOf(w.loaded(t, moment.Sections))); root != c.Root {
			t.Errorf("%s: undone to change %d the root is %s, want %s", head.Serial, c.Seq, root, c.Root)
		}
	}
	if last := changes[len(changes)-1]; last.Root != head.Root || last.Seq != head.Seq {
		t.Errorf("%s: the last change is %d with root %s, the head's %d with %s", head.Serial, last.Seq, last.Root, head.Seq, head.Root)
	}
}
