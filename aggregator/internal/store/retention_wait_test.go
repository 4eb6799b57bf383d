// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// sinkAt makes a sink that has read up to a position.
func (w *world) sinkAt(name string, at store.Position) {
	w.t.Helper()
	holder, epoch := uuid.New(), must(w.Epoch(w.t.Context()))(w.t).ID
	lease, ok, err := w.TakeSink(w.t.Context(), name, holder, epoch, time.Hour)
	if err != nil || !ok {
		w.t.Fatalf("lease of %s: %v, %v", name, ok, err)
	}
	if held := must(w.SaveSink(w.t.Context(), lease, store.SinkProgress{Position: at}, time.Hour))(w.t); !held {
		w.t.Fatalf("%s is not held", name)
	}
}

func TestTheJournalWaitsForTheSlowestSinkUpToACap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare string // of the sink "slow", which has read a
		left    []string
		missed  []string
	}{
		{name: "waits", left: []string{"c", "d", "e"}, missed: []string{"slow"}},
		{name: "not for one that is disabled", prepare: `UPDATE sink SET disabled_at = now() WHERE name = 'slow'`, left: []string{"e"}},
		{name: "not for one of another epoch", prepare: `UPDATE sink SET epoch = gen_random_uuid() WHERE name = 'slow'`, left: []string{"e"}},
		{
			name: "not for a disabled probe", left: []string{"e"},
			prepare: `WITH p AS (INSERT INTO probe (name, url, secret, enabled) VALUES ('p', 'u', 's', false) RETURNING id)
				UPDATE sink SET name = 'probe.' || p.id FROM p WHERE name = 'slow'`,
		},
		{name: "not for a probe that is gone", prepare: `UPDATE sink SET name = 'probe.7' WHERE name = 'slow'`, left: []string{"e"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, ctx := newWorld(t), t.Context()
			for _, e := range []struct {
				detail string
				days   string
			}{{"a", "9"}, {"b", "4.1"}, {"c", "3.9"}, {"d", "3"}, {"e", "0"}} { // kept for 2 days, and so for 4 at the most
				w.exec("INSERT INTO journal (what, detail, at) VALUES ('machine', $1, now() - make_interval(secs => 86400 * $2::text::float8))", e.detail, e.days)
			}
			w.settled()
			all := must(w.Tail(ctx, store.Position{}, 10))(t)
			w.sinkAt("slow", all[0].Position)
			w.sinkAt("quick", all[4].Position)
			if test.prepare != "" {
				w.exec(test.prepare)
			}
			must(w.TrimJournal(ctx, 2, 100))(t)
			if left := w.entries(); !slices.Equal(left, test.left) {
				t.Errorf("left %v, want %v", left, test.left)
			}
			if missed := must(w.MarkMissed(ctx))(t); !slices.Equal(missed, test.missed) {
				t.Errorf("missed: %v, want %v", missed, test.missed)
			}
			if again := must(w.MarkMissed(ctx))(t); len(again) > 0 {
				t.Errorf("missed again: %v", again)
			}
		})
	}
}

func TestHistoryWaitsForTheSlowestSinkUpToACap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		unread bool // the entry that the sink reads next is of the week
		weeks  int  // age of a week of the change log
		kept   bool
	}{
		{name: "what it tells of stays", unread: true, weeks: 6, kept: true},
		{name: "what it has told of goes", weeks: 6},
		{name: "beyond the cap it goes", unread: true, weeks: 8},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, ctx := newWorld(t), t.Context()
			w.aged()
			w.exec("DELETE FROM journal")
			monday, table := w.weekAgo(test.weeks)
			next := time.Now()
			if test.unread {
				next = monday.Add(time.Hour)
			}
			w.sinkAt("slow", store.Position{})
			w.exec("INSERT INTO journal (what, at) VALUES ('machine', $1)", next)
			dropped := must(w.DropExpiredWeeks(ctx, keptDays))(t)
			if kept := !slices.Contains(dropped, table); kept != test.kept {
				t.Errorf("%s is kept: %v, want %v; dropped %v", table, kept, test.kept, dropped)
			}
		})
	}
}

func TestALeaseIsOfOneHolder(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	epoch := must(w.Epoch(ctx))(t).ID
	a, b := uuid.New(), uuid.New()
	take := func(holder uuid.UUID, of string) (store.SinkLease, bool) {
		t.Helper()
		lease, ok, err := w.TakeSink(ctx, "s", holder, of, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return lease, ok
	}
	first, ok := take(a, epoch)
	if !ok || first.XID == 0 || first.Restarted {
		t.Fatalf("first: %+v, %v", first, ok)
	}
	if _, ok := take(b, epoch); ok {
		t.Error("two hold it")
	}
	progress := store.SinkProgress{Position: store.Position{XID: 5, ID: 6}, Delivered: 3, Attempts: 4, Failures: 1, LastError: "e"}
	if !must(w.SaveSink(ctx, first, progress, time.Hour))(t) {
		t.Error("the holder cannot save")
	}
	w.exec(`UPDATE sink SET lease_until = now() - interval '1 s'`)
	second, ok := take(b, epoch)
	if !ok || second.Position != progress.Position {
		t.Errorf("second: %+v, %v", second, ok)
	}
	if must(w.SaveSink(ctx, first, progress, time.Hour))(t) {
		t.Error("one who lost the lease saves")
	}
	if err := w.ReleaseSink(ctx, first); err != nil {
		t.Fatal(err)
	}
	if _, ok := take(a, epoch); ok {
		t.Error("one who lost the lease gave it back")
	}
	if err := w.DeleteSink(ctx, "s"); err == nil {
		t.Error("it is forgotten though somebody delivers")
	}
	if err := w.ReleaseSink(ctx, second); err != nil {
		t.Fatal(err)
	}
	const next = "00000000-0000-0000-0000-000000000001"
	if _, ok := take(a, next); ok {
		t.Error("it is taken in an epoch that there is not")
	}
	w.exec(`UPDATE database_epoch SET epoch = $1`, next)
	other, ok := take(a, next)
	if !ok || !other.Restarted || other.Position == progress.Position {
		t.Errorf("in another epoch: %+v, %v", other, ok)
	}
	if err := w.DisableSink(ctx, other, "gone"); err != nil {
		t.Fatal(err)
	}
	if _, ok := take(a, next); ok {
		t.Error("it is disabled, and delivered to")
	}
	s := must(w.Sinks(ctx))(t)
	if len(s) != 1 || s[0].Delivered != 3 || s[0].Attempts != 4 || s[0].Failures != 1 || s[0].LastError != "gone" || s[0].DisabledAt == nil {
		t.Errorf("sinks %+v", s)
	}
}

func TestNobodyDeliversForAProbeThatIsGone(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	epoch := must(w.Epoch(ctx))(t).ID
	p := must(w.CreateProbe(ctx, store.Probe{Name: "p", Enabled: true, URL: "https://a.example/", Secret: "s"}))(t)
	holder := uuid.New()
	lease, ok, err := w.TakeSink(ctx, p.SinkName(), holder, epoch, time.Hour)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := w.DeleteProbe(ctx, p.ID); err != nil {
		t.Fatal(err)
	}
	if must(w.SaveSink(ctx, lease, store.SinkProgress{}, time.Hour))(t) {
		t.Error("progress is saved")
	}
	if _, ok, err := w.TakeSink(ctx, p.SinkName(), holder, epoch, time.Hour); ok || err != nil {
		t.Errorf("taken: %v, %v", ok, err)
	}
	if left := must(w.Sinks(ctx))(t); len(left) > 0 {
		t.Errorf("left %+v", left)
	}
}
