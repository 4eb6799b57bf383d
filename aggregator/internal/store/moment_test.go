// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// history commits a head whose sections come, change, move between small and large, and go; it returns what was
// written and what the head held after each change.
func history(t *testing.T, w *world) ([]store.Written, []report) {
	random := rand.New(rand.NewPCG(1, 2))
	var written []store.Written
	var states []report
	now := report{"disks": {`{"name":"sda","size":1}`}, "deb_packages": debs(1300)}
	for i := range 40 {
		if i > 0 {
			now = report{"disks": now["disks"], "deb_packages": now["deb_packages"]}
			switch random.IntN(5) {
			case 0:
				now["disks"] = []string{fmt.Sprintf(`{"name":"sda","size":%d}`, i), `{"name":"sdb","size":2}`}
			case 1:
				now["disks"] = nil
			case 2:
				now["deb_packages"] = slices.Concat(debs(random.IntN(1400)), []string{deb("new", fmt.Sprint(i))})
			default:
				now["deb_packages"] = slices.Concat(now["deb_packages"], []string{deb("one-more", fmt.Sprint(i))})
			}
			slices.Sort(now["disks"])
			slices.Sort(now["deb_packages"])
		}
		wrote := w.commit("S", agentSource, now)
		if i > 0 && wrote.Seq == written[len(written)-1].Seq {
			continue // the same once more
		}
		written, states = append(written, wrote), append(states, now)
	}
	return written, states
}

func (w *world) holds(m store.Moment, want report) {
	w.t.Helper()
	for kind := range want {
		if got := w.bodies(m.Sections[kind]); !slices.Equal(got, want[kind]) {
			w.t.Errorf("seq %d, %s: got %d assets, want %d", m.Seq, kind, len(got), len(want[kind]))
		}
		if (m.Sections[kind] == nil) != (want[kind] == nil) {
			w.t.Errorf("seq %d, %s: there is %v, want %v", m.Seq, kind, m.Sections[kind], want[kind])
		}
	}
}

func TestEveryMomentKeptCanBeRead(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	written, states := history(t, w)
	head := written[0].Head
	for i, wrote := range written {
		m := must(w.SectionsAt(ctx, head, wrote.At))(t)
		w.holds(m, states[i])
		if m.Seq != wrote.Seq || !m.At.Equal(wrote.At) || m.Root.IsZero() {
			t.Errorf("change %d: got seq %d of %s", wrote.Seq, m.Seq, m.At)
		}
		if i > 0 {
			before := must(w.SectionsAt(ctx, head, wrote.At.Add(-time.Microsecond)))(t)
			w.holds(before, states[i-1])
		}
		w.holds(must(w.SectionsAtSeq(ctx, head, wrote.Seq))(t), states[i])
	}
	w.holds(must(w.SectionsAt(ctx, head, time.Time{}))(t), states[len(states)-1])
	w.holds(must(w.SectionsAt(ctx, head, time.Now().Add(time.Hour)))(t), states[len(states)-1])
	for _, seq := range []int64{0, written[len(written)-1].Seq + 1} {
		if _, err := w.SectionsAtSeq(ctx, head, seq); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("seq %d: got %v", seq, err)
		}
	}
	if _, err := w.SectionsAt(ctx, head, written[0].At.Add(-time.Second)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before the first snapshot: got %v", err)
	}
	if _, err := w.SectionsAt(ctx, head+1, time.Time{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown head: got %v", err)
	}
}

func TestMomentBeforeWhatIsKeptIsGone(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	var written []store.Written
	for i := range 4 {
		written = append(written, w.commit("S", agentSource, report{"disks": {fmt.Sprintf(`{"name":"sda","size":%d}`, i)}}))
	}
	head := written[0].Head
	monday := w.lastMonday()
	// Changes 1 and 2 were weeks ago and are dropped; 3 was in the oldest week that is kept.
	w.exec("UPDATE head SET first_at = $1 WHERE id = $2", monday.AddDate(0, 0, -20), head)
	w.exec("DELETE FROM change WHERE seq <= 2")
	w.exec("UPDATE change SET at = $1 WHERE seq = 3", monday.Add(time.Hour))

	disk := func(i int) report { return report{"disks": {fmt.Sprintf(`{"name":"sda","size":%d}`, i)}} }
	w.holds(must(w.SectionsAt(ctx, head, monday.Add(2*time.Hour)))(t), disk(2))
	m := must(w.SectionsAt(ctx, head, monday))(t)
	w.holds(m, disk(1))
	if m.Seq != 2 || !m.At.IsZero() || !m.Root.IsZero() {
		t.Errorf("state whose change is dropped: got seq %d of %s, root %s", m.Seq, m.At, m.Root)
	}
	_, err := w.SectionsAt(ctx, head, monday.Add(-time.Second))
	if gone, ok := errors.AsType[*store.GoneError](err); !ok || !gone.Oldest.Equal(monday) {
		t.Errorf("before what is kept: got %v, want gone since %s", err, monday)
	}
	w.holds(must(w.SectionsAtSeq(ctx, head, 2))(t), disk(1))
	if _, err = w.SectionsAtSeq(ctx, head, 1); !isGone(err) {
		t.Errorf("seq 1: got %v, want gone", err)
	}
	if _, err = w.SectionsAt(ctx, head, monday.AddDate(0, 0, -30)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before the first snapshot: got %v", err)
	}
	w.exec("DELETE FROM change")
	if _, err = w.SectionsAt(ctx, head, monday.Add(-time.Second)); !isGone(err) {
		t.Errorf("nothing kept: got %v, want gone", err)
	}
}

func isGone(err error) bool {
	_, ok := errors.AsType[*store.GoneError](err)
	return ok
}

// lastMonday is when the oldest partition begins.
func (w *world) lastMonday() time.Time {
	w.t.Helper()
	var at time.Time
	const query = `SELECT (date_trunc('week', now() AT TIME ZONE 'UTC') - interval '7 days') AT TIME ZONE 'UTC'`
	if err := w.pool.QueryRow(w.t.Context(), query).Scan(&at); err != nil {
		w.t.Fatal(err)
	}
	return at
}

func TestListChanges(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.commit("S", agentSource, report{"deb_packages": debs(3)})
	second := w.commit("S", agentSource, report{"deb_packages": append(debs(3), deb("bash", "5"))})
	third := w.commit("S", agentSource, report{"deb_packages": debs(3), "disks": {`{"name":"sda","size":1}`}})
	list := func(f store.ChangeFilter) (seqs []int64) {
		t.Helper()
		if f.Limit == 0 {
			f.Limit = 10
		}
		for _, c := range must(w.ListChanges(ctx, third.Head, f))(t) {
			seqs = append(seqs, c.Seq)
		}
		return seqs
	}
	tests := []struct {
		name   string
		filter store.ChangeFilter
		want   []int64
	}{
		{name: "all, newest first", want: []int64{3, 2, 1}},
		{name: "since", filter: store.ChangeFilter{Since: second.At}, want: []int64{3, 2}},
		{name: "until", filter: store.ChangeFilter{Until: second.At}, want: []int64{1}},
		{name: "first page", filter: store.ChangeFilter{Limit: 2}, want: []int64{3, 2}},
		{name: "next page", filter: store.ChangeFilter{Limit: 2, Before: 2}, want: []int64{1}},
	}
	for _, test := range tests {
		if got := list(test.filter); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	changes := must(w.ListChanges(ctx, third.Head, store.ChangeFilter{Limit: 1}))(t)
	deltas := changes[0].Deltas
	if !slices.Equal(changes[0].Kinds, []string{"deb_packages", "disks"}) || len(deltas) != 2 || len(deltas[0].RemovedIDs) != 1 || len(deltas[1].Added) != 1 {
		t.Fatalf("last change: got %+v", changes[0])
	}
	bodies := must(w.BodiesOf(ctx, deltas[0].RemovedIDs))(t)
	removed := bodies[deltas[0].RemovedIDs[0]]
	if removed.Name != "bash" || removed.Version != "5" || removed.Kind != "deb_packages" || string(removed.Body) != deb("bash", "5") {
		t.Errorf("removed: got %+v", removed)
	}
	if _, err := w.BodiesOf(ctx, []int64{1 << 40}); !errors.Is(err, store.ErrNoAsset) {
		t.Errorf("unknown asset: got %v", err)
	}
}
