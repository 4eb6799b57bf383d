// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// entries returns the details of the journal, in order.
func (w *world) entries() []string {
	w.t.Helper()
	r := &tailer{w: w}
	want := w.count("SELECT count(*) FROM journal WHERE xid < pg_snapshot_xmax(pg_current_snapshot())")
	for end := time.Now().Add(patience); len(r.details) < want; { // other tests hold a tail back
		if r.tail(); time.Now().After(end) {
			w.t.Fatalf("%d entries of %d", len(r.details), want)
		}
	}
	return r.details
}

// settled waits until no transaction of the cluster, other tests' included, holds back what the journal has so far.
func (w *world) settled() {
	w.t.Helper()
	const heldBackSQL = "SELECT count(*) FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())"
	for end := time.Now().Add(patience); w.count(heldBackSQL) > 0; {
		if time.Now().After(end) {
			w.t.Fatal("the journal is still held back")
		}
	}
}

func TestTheJournalIsTrimmedFromItsBeginning(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	if floor := must(w.JournalFloor(ctx))(t); floor != (store.Position{}) {
		t.Errorf("a whole journal: floor %+v", floor)
	}
	for _, e := range []struct {
		detail string
		days   int
	}{{"a", 9}, {"b", 8}, {"c", 7}, {"d", 1}, {"e", 6}, {"f", 0}} { // e began long before it was given its transaction id
		w.exec("INSERT INTO journal (what, detail, at) VALUES ('machine', $1, now() - make_interval(days => $2))", e.detail, e.days)
	}
	w.settled()
	for _, want := range []struct {
		trimmed int
		left    []string
	}{{2, []string{"c", "d", "e", "f"}}, {1, []string{"d", "e", "f"}}, {0, []string{"d", "e", "f"}}} {
		trimmed := must(w.TrimJournal(ctx, 2, 2))(t)
		if left := w.entries(); trimmed != want.trimmed || !slices.Equal(left, want.left) {
			t.Fatalf("trimmed %d, left %v; want %d and %v", trimmed, left, want.trimmed, want.left)
		}
	}
	floor := must(w.JournalFloor(ctx))(t)
	first := must(w.Tail(ctx, floor, 1))(t)
	if len(first) != 1 || first[0].Detail != "d" || must(w.Tail(ctx, store.Position{}, 1))(t)[0].Position != first[0].Position {
		t.Errorf("behind the floor %+v: got %+v, want d and nothing before it", floor, first)
	}
}

func TestWhatADumpBroughtAlongIsNoJournalOfThisCluster(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	const foreign = "1000000000000" // far ahead of the transactions of a test cluster
	w.exec("UPDATE journal_floor SET xid = '" + foreign + "', id = 7")
	for _, days := range []int{3, 1} {
		w.exec("INSERT INTO journal (xid, what, detail, at) VALUES ('"+foreign+"', 'machine', 'foreign', now() - make_interval(days => $1))", days)
	}
	if floor := must(w.JournalFloor(ctx))(t); floor != (store.Position{}) {
		t.Errorf("floor of another cluster: got %+v", floor)
	}
	if trimmed := must(w.TrimJournal(ctx, 2, 10))(t); trimmed != 1 {
		t.Errorf("trimmed %d, want the old one", trimmed)
	}
	w.exec("INSERT INTO journal (what, detail, at) VALUES ('machine', 'ours', now() - interval '3 days')")
	for end := time.Now().Add(patience); must(w.TrimJournal(ctx, 2, 10))(t) == 0; {
		if time.Now().After(end) {
			t.Fatal("our own entry is not trimmed")
		}
	}
	if floor := must(w.JournalFloor(ctx))(t); floor.XID == 0 {
		t.Error("our own floor is not told")
	}
}

func TestRevokedCredentialsAreForgottenButTheNewest(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	digest := byte(0)
	issue := func(serial, revoked string) {
		t.Helper()
		digest++
		issued := must(w.Issue(ctx, store.NewCredential{
			Digest: auth.Digest{digest}, Serial: serial, Modules: []string{"rollcall.agent"}, Identity: []byte(`{}`),
		}))(t)
		if revoked != "" {
			w.exec("UPDATE credential SET revoked_at = now() - $2::text::interval WHERE id = $1", issued.ID, revoked)
		}
	}
	issue("A", "91 days")
	issue("A", "91 days")
	issue("A", "89 days")
	issue("A", "")
	issue("B", "200 days")
	issue("C", "")
	if n := must(w.ForgetCredentials(ctx, 90, 1))(t); n != 1 {
		t.Errorf("forgot %d, at most 1 asked for", n)
	}
	if n := must(w.ForgetCredentials(ctx, 90, 10))(t); n != 1 {
		t.Errorf("then forgot %d, want 1", n)
	}
	if n := w.count("SELECT count(*) FROM credential"); n != 4 {
		t.Errorf("%d are left, want 4", n)
	}
	must(w.LastIdentity(ctx, "B"))(t)
}
