// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

func TestPushesLeadTheHeadFromStateToState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	base := linux()
	steps := []struct {
		name  string
		to    facts
		whole bool
		kinds []string // changed; nil: nothing
	}{
		{"first push, a delta to nothing", base, false, []string{"deb_packages", "disks", "os_version", "platform", "system_info"}},
		{"nothing changed", base, false, nil},
		{"nothing changed, whole sections", base, true, nil},
		{"a package is upgraded", base.with(facts{"deb_packages": {deb("bash", "5.3"), deb("curl", "8.0")}}), false, []string{"deb_packages"}},
		{"shared and private at once", base.with(facts{"deb_packages": debs(700), "disks": {`{"name":"sdb"}`, `{"name":"sdc"}`}}), false, []string{"deb_packages", "disks"}},
		{"an empty section", base.with(facts{"deb_packages": debs(700), "disks": {}}), false, []string{"disks"}},
		{"a kind is dropped", base.with(facts{"deb_packages": debs(700)}).without("disks"), false, []string{"disks"}},
		{"a large section shrinks", base.with(facts{"deb_packages": debs(5)}), true, []string{"deb_packages", "disks"}},
		{"back to the beginning", base, true, []string{"deb_packages"}},
	}
	var states []facts
	for _, step := range steps {
		p := a.delta(step.to)
		if step.whole {
			a.stamp.Counter--
			p = a.whole(step.to)
		}
		r := a.pushed(p, step.to)
		if r.Changed != (step.kinds != nil) {
			t.Fatalf("%s: changed %v", step.name, r.Changed)
		}
		w.holds(a.head, step.to)
		if !r.Changed {
			continue
		}
		states = append(states, step.to)
		changes := w.changes(a.head)
		if last := changes[len(changes)-1]; !slices.Equal(last.Kinds, step.kinds) || last.Seq != int64(len(states)) {
			t.Errorf("%s: change %d of %v, want %d of %v", step.name, last.Seq, last.Kinds, len(states), step.kinds)
		}
	}
	for i, state := range states {
		w.heldAt(a.head, int64(i+1), state)
	}
	w.fsck()
}

func TestKeptSectionsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	to := linux().with(facts{"disks": {}})
	p := a.push(to)
	p.Sections = []commit.Section{wholeOf(to, "disks"), {Kind: "deb_packages", State: commit.Keep}, {Kind: "users", State: commit.Keep}}
	a.pushed(p, to)
	w.holds(a.head, to)

	// Of a complete push only what it says it keeps.
	to = facts{"deb_packages": to["deb_packages"], "os_version": {}}
	p = a.push(to)
	p.Complete = true
	p.Sections = []commit.Section{{Kind: "deb_packages", State: commit.Keep}, wholeOf(to, "os_version")}
	a.pushed(p, to)
	w.holds(a.head, to)
	w.fsck()
}

func TestAnUnchangedPushOnlyTouchesTheHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	before := w.counts()
	rows := value[string](w, "SELECT string_agg(ctid::text || xmin::text, ' ' ORDER BY kind) FROM head_section")
	commits := value[int](w, "SELECT commits FROM head")
	if r := a.becomes(linux()); r.Changed || r.Seq != 1 {
		t.Errorf("got %+v", r)
	}
	if after := w.counts(); after != before {
		t.Errorf("rows: %+v before, %+v after", before, after)
	}
	if again := value[string](w, "SELECT string_agg(ctid::text || xmin::text, ' ' ORDER BY kind) FROM head_section"); again != rows {
		t.Error("sections were written")
	}
	if got := value[int](w, "SELECT commits FROM head"); got != commits+1 {
		t.Errorf("commits: got %d, want %d", got, commits+1)
	}
}

func TestKnownAssetsTravelAsIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.agent("S1").becomes(linux())
	before := w.counts()
	b := w.agent("S2")
	p := b.push(linux())
	for _, kind := range linux().kinds() {
		s := wholeOf(linux(), kind)
		if s.IDs != nil {
			s.Bodies = nil
		}
		p.Sections = append(p.Sections, s)
	}
	b.pushed(p, linux())
	w.holds(b.head, linux())
	if after := w.counts(); after.assets != before.assets {
		t.Errorf("assets: got %d, want %d", after.assets, before.assets)
	}
}

func TestLastSeenOnlyRises(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	seen := func(at time.Time) time.Time {
		t.Helper()
		p := a.whole(linux())
		p.LastSeen = at
		a.pushed(p, linux())
		return value[time.Time](w, "SELECT last_seen FROM head")
	}
	old := time.Now().Add(-48 * time.Hour).Truncate(time.Microsecond)
	if got := seen(old); !got.Equal(old) {
		t.Errorf("first: got %s, want %s", got, old)
	}
	if got := seen(old.Add(-time.Hour)); !got.Equal(old) {
		t.Errorf("older: got %s, want %s", got, old)
	}
	if got := value[int](w, "SELECT commits FROM head"); got != 1 {
		t.Errorf("commits after an older report: got %d, want 1", got)
	}
	newer := old.Add(time.Hour)
	if got := seen(newer); !got.Equal(newer) {
		t.Errorf("newer: got %s, want %s", got, newer)
	}
	if got := time.Until(seen(time.Now().Add(time.Hour))); got < 4*time.Minute || got > 5*time.Minute {
		t.Errorf("future: got %s ahead, want five minutes", got)
	}
	if got := value[int](w, "SELECT commits FROM head"); got != 3 {
		t.Errorf("commits: got %d, want 3", got)
	}
	if first := value[time.Time](w, "SELECT first_at FROM head"); time.Since(first) > time.Minute {
		t.Errorf("first_at is of the database's clock, got %s", first)
	}
}

func TestARepeatedPushGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	to := linux().with(facts{"disks": {}})
	p := a.delta(to)
	first := a.pushed(p, to)
	before := w.counts()
	again := must(w.Push(t.Context(), p))(t)
	if again.Head != first.Head || again.Seq != first.Seq || again.Root != first.Root {
		t.Errorf("got %+v, want %+v", again, first)
	}
	if after := w.counts(); after != before {
		t.Errorf("rows: %+v before, %+v after", before, after)
	}
}

func TestAnArchivedMachineComesBackWithAPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	for _, to := range []facts{linux(), linux(), linux().with(facts{"disks": {}})} {
		must(w.store.Archive(t.Context(), []string{"S1"}))(t)
		a.becomes(to)
		if value[bool](w, "SELECT archived_at IS NOT NULL FROM head") {
			t.Fatal("still archived")
		}
	}
	got := value[[]string](w, "SELECT array_agg(what ORDER BY xid, id) FROM journal")
	if want := []string{"commit", "archive", "revive", "archive", "revive", "commit"}; !slices.Equal(got, want) {
		t.Errorf("journal: got %v, want %v", got, want)
	}
}

func TestAPrunedMachineStartsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	old := a.becomes(linux())
	must(w.store.Prune(t.Context(), []string{"S1"}))(t)
	r := a.pushed(a.whole(linux()), linux())
	if r.Head == old.Head || r.Seq != 1 {
		t.Errorf("got head %d at %d after head %d", r.Head, r.Seq, old.Head)
	}
	w.fsck()
}

func TestFirstSnapshotMayBeEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	submitted, err := tree.Parse([]byte(`{"source":{"module":"x","name":"X"},"serial_number":"S1"}`), tree.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	first := must(w.Submit(t.Context(), submitted))(t)
	if again := must(w.Submit(t.Context(), submitted))(t); !first.Changed || again.Changed || again.Seq != 1 {
		t.Errorf("got %+v, then %+v, want one change", first, again)
	}
	if got := w.counts(); got.changes != 1 || got.journal != 1 {
		t.Errorf("got %+v, want one change and one row of the journal", got)
	}
	w.heldAt(first.Head, 1, facts{})
	w.fsck()
}
