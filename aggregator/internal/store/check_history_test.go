// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// fixes counts what was fixed since the last time, once every transaction of the cluster is over that it waits for.
func (w *world) fixes() {
	w.t.Helper()
	w.settled()
	for {
		if n := must(w.CountFixed(w.t.Context(), 3))(w.t); n < 3 {
			return
		}
	}
}

func (w *world) day(check int64) store.CheckDay {
	w.t.Helper()
	if err := w.CountChecks(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	days := must(w.CheckHistory(w.t.Context(), check, time.Now().AddDate(0, 0, -1)))(w.t)
	if len(days) == 0 {
		w.t.Fatal("today has no row")
	}
	day := days[len(days)-1]
	day.Day = time.Time{}
	return day
}

func TestACheckIsCountedDayByDay(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := must(w.CreateCheck(ctx, compliance.Check{Name: "c", SourceName: "Rollcall", Platforms: []string{"LINUX"}, Expression: "a"}))(t).ID
	linux := summary(store.Summary{Platform: "LINUX"})
	for serial, s := range map[string]compliance.Status{
		"ok": compliance.StatusOK, "unknown": compliance.StatusUnknown, "failed": compliance.StatusFailed, "failed too": compliance.StatusFailed,
		"let off": compliance.StatusFailed, "archived": compliance.StatusFailed,
	} {
		w.commit(serial, agentSource, size(1), linux, statuses(result(check, s)))
	}
	for _, serial := range []string{"pending", "pending too", "archived, not evaluated"} {
		w.commit(serial, agentSource, size(1), linux)
	}
	w.commit("of another platform", agentSource, size(1), summary(store.Summary{Platform: "MACOS"}))
	w.commit("of another source", "other", size(1), linux)
	w.waive(check, "let off")
	must(w.Archive(ctx, []string{"archived", "archived, not evaluated"}))(t)
	if got, want := w.day(check), (store.CheckDay{OK: 1, Unknown: 1, Failed: 2, Pending: 2, Waived: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	w.commit("pending", agentSource, size(2), statuses(result(check, compliance.StatusOK)))
	if got, want := w.day(check), (store.CheckDay{OK: 2, Unknown: 1, Failed: 2, Pending: 1, Waived: 1}); got != want {
		t.Errorf("later that day: got %+v, want %+v", got, want)
	}
	w.exec("UPDATE jmespath_check SET version = 2")
	if got, want := w.day(check), (store.CheckDay{Pending: 7}); got != want { // nothing is known that somebody could be let off
		t.Errorf("another version: got %+v, want %+v", got, want)
	}
	w.exec("INSERT INTO check_history (check_id, day) SELECT $1, now()::date - n FROM unnest('{300, 365, 380}'::integer[]) n", check)
	w.day(check)
	if days := must(w.CheckHistory(ctx, check, time.Time{}))(t); len(days) != 3 {
		t.Errorf("got %d days, want today and two of the last year", len(days))
	}
}

func TestWhatIsFixedIsCountedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check, deleted := w.check("c").ID, w.check("deleted").ID
	n := 0
	fix := func(id int64, serial string) {
		t.Helper()
		for _, s := range []compliance.Status{compliance.StatusFailed, compliance.StatusOK} {
			n++
			w.commit(serial, agentSource, size(n), statuses(result(id, s)))
			w.exec("UPDATE check_status SET since = since - interval '1 hour'")
		}
	}
	w.day(check)
	fix(check, "A")
	w.fixes()
	w.fixes()
	fix(check, "A")
	fix(check, "B")
	fix(deleted, "B")
	if err := w.DeleteCheck(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	w.fixes()
	got := w.day(check)
	if got.Fixed != 3 || got.FixedAfter < 3*time.Hour || got.FixedAfter > 4*time.Hour || got.OK != 2 {
		t.Errorf("got %+v, want 3 fixed after an hour each", got)
	}

	// What is read late belongs to its day, when that has a row.
	fix(check, "A")
	w.exec("INSERT INTO check_history (check_id, day) SELECT $1, (now() AT TIME ZONE 'UTC')::date - 1", check)
	w.exec("UPDATE journal SET at = now() - interval '1 day'")
	w.fixes()
	if n := w.count("SELECT fixed FROM check_history WHERE day = (now() AT TIME ZONE 'UTC')::date - 1"); n != 1 {
		t.Errorf("yesterday: got %d, want 1", n)
	}
}

func TestWhatIsFixedIsNotCountedFromAnotherJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check := w.check("c").ID
	must(w.Epoch(t.Context()))(t)
	w.fixes()
	w.commit("A", agentSource, size(1), statuses(result(check, compliance.StatusFailed)))
	w.commit("A", agentSource, size(2), statuses(result(check, compliance.StatusOK)))
	w.settled()
	w.exec("UPDATE check_history_cursor SET epoch = gen_random_uuid(), xid = '1', id = 1")
	w.fixes()
	if got := w.day(check); got.Fixed != 0 {
		t.Errorf("got %+v: this was in the journal when the database began its life", got)
	}
}
