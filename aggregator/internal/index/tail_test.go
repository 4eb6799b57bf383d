// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func debs(packages ...string) map[string][]string {
	return map[string][]string{"deb_packages": packages}
}

// having lists the machines that have a package.
func (a *aggregator) having(name string) []string {
	a.t.Helper()
	var serials []string
	for _, h := range must(a.With(Wanted{Kind: "deb_packages", Name: name, Limit: 1000}))(a.t).Holders {
		serials = append(serials, h.Machine.SerialNumber)
	}
	return serials
}

func TestArchivedThroughOneAndRevivedThroughAnotherIsSeenByBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.running(), w.running()
	if err := one.store.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	one.mustPush(report{serial: "A", source: "alpha", sections: debs(deb("bash", "5"))})
	one.mustPush(report{serial: "B", source: "alpha", sections: debs(deb("bash", "5"))})
	expect := func(want ...string) {
		t.Helper()
		for _, a := range []*aggregator{one, other} {
			a.fresh()
			if got, having := a.serials(), a.having("bash"); !slices.Equal(got, want) || !slices.Equal(having, want) {
				t.Errorf("got %v, with bash %v, want %v", got, having, want)
			}
		}
	}
	expect("A", "B")
	must(one.store.Archive(t.Context(), []string{"A"}))(t)
	expect("B")
	other.mustPush(report{serial: "A", source: "alpha", sections: debs(deb("bash", "5"))})
	expect("A", "B")
	must(other.store.Prune(t.Context(), []string{"B"}))(t)
	expect("A")
}

func TestOpenTransactionNeitherDelaysNorLosesAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	a.mustPush(report{serial: "A", source: "alpha", sections: debs(deb("bash", "5"))})
	a.mustPush(report{serial: "B", source: "alpha", sections: debs(deb("bash", "5"))})
	a.catchesUp()

	open := must(w.pool.Begin(t.Context()))(t) // its xid is older than those that follow
	defer func() { _ = open.Rollback(t.Context()) }()
	if _, err := open.Exec(t.Context(), "UPDATE head SET archived_at = now() FROM machine m WHERE m.id = machine AND serial_number = 'B'"); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Exec(t.Context(), "INSERT INTO journal (what, machine) SELECT 'archive', id FROM machine WHERE serial_number = 'B'"); err != nil {
		t.Fatal(err)
	}
	a.mustPush(report{serial: "C", source: "alpha", sections: debs(deb("bash", "5"))})
	for range 3 {
		a.catchesUp()
		if got := a.having("bash"); !slices.Equal(got, []string{"A", "B", "C"}) {
			t.Errorf("while it is open: got %v", got)
		}
	}
	if len(a.current().applied) == 0 {
		t.Error("the position went past an open transaction")
	}
	if err := open.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.catchesUp()
	if got := a.having("bash"); !slices.Equal(got, []string{"A", "C"}) {
		t.Errorf("after it: got %v", got)
	}
}

func TestChangesThatAreNotKeptAreMadeUpFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	push := func(packages ...string) {
		a.mustPush(report{serial: "A", source: "alpha", sections: debs(packages...)})
	}
	push(deb("bash", "5"), deb("curl", "8"))
	a.catchesUp()
	push(deb("bash", "5"), deb("zsh", "1"))
	push(deb("zsh", "1"), deb("vim", "9"))
	w.exec("DELETE FROM change WHERE seq = 2")
	a.catchesUp()
	a.agrees("after a gap")
	if len(a.having("bash"))+len(a.having("curl")) > 0 || len(a.having("vim")) != 1 {
		t.Error("the head was not read whole")
	}
}

// trims waits until the journal can be trimmed: transactions of other tests in the same cluster hold it back.
func (a *aggregator) trims() {
	a.t.Helper()
	deadline := time.After(time.Minute)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for must(a.store.TrimJournal(a.t.Context(), 2, 100))(a.t) == 0 {
		select {
		case <-deadline:
			a.t.Fatal("the journal is not trimmed")
		case <-again.C:
		}
	}
}

func TestUnreadJournalThatWasTrimmedMeansANewBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	a.mustPush(report{serial: "A", source: "alpha", sections: debs(deb("bash", "5"))})
	w.exec("UPDATE journal SET at = now() - interval '9 days'")
	a.trims()
	a.numbers.polledUnixMicro.Store(time.Now().Add(-time.Hour).UnixMicro())
	if err := a.catchUp(t.Context()); !errors.Is(err, ErrBuilding) {
		t.Fatalf("got %v", err)
	}
	if _, err := a.Find(Question{Limit: 1}); !errors.Is(err, ErrBuilding) {
		t.Errorf("a reader gets %v", err)
	}
	a.rebuild(t.Context())
	a.catchesUp()
	a.agrees("built anew")
	a.numbers.polledUnixMicro.Store(time.Now().Add(-time.Hour).UnixMicro())
	a.catchesUp() // everything that was trimmed was read
}

func TestMismatchIsFoundAndMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	for i := range 5 {
		a.mustPush(report{serial: fmt.Sprint("S", i), source: "alpha", sections: debs(deb("bash", "5"), deb("curl", "8"))})
	}
	a.catchesUp()
	a.everyMinute(t.Context())
	if n := a.numbers.mismatches.Load(); n != 0 || a.numbers.checked.Load() == 0 {
		t.Fatalf("%d mismatches among %d", n, a.numbers.checked.Load())
	}
	s := a.current()
	bash := s.catalog.kinds["deb_packages"].byName["bash"].versions[0].assets[0]
	for i, harm := range []func(*head){ // what no journal explains
		func(h *head) { bash.heads.Remove(h.ordinal) },
		func(h *head) { h.user = &store.PrincipalUser{UniqueID: "nobody"} },
	} {
		harm(s.machines[s.bySerial[2].id].heads[0])
		for range 20 { // a sample is a sample
			a.everyMinute(t.Context())
		}
		if n := a.numbers.mismatches.Load(); n != int64(i+1) {
			t.Errorf("got %d mismatches, want %d", n, i+1)
		}
	}
	a.agrees("after it was mended")
}

// TestStatusThatMovesToAnotherSourceIsFollowed has two sources of one name say the same.
func TestStatusThatMovesToAnotherSourceIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	for _, module := range []string{"test.one", "test.other"} {
		a.mustPush(report{serial: "A", source: "alpha", module: module, platform: "LINUX", sections: debs(deb("bash", "5"))})
	}
	check := must(a.store.CreateCheck(t.Context(), compliance.Check{Name: "c", SourceName: "alpha", Expression: "`true`"}))(t)
	a.catchesUp()
	for _, h := range a.current().bySerial[0].heads {
		moved := must(a.store.PutHeadStatuses(t.Context(), []store.Status{{
			CheckID: check.ID, CheckVersion: 1, Machine: h.machine.id, Head: h.id, HeadSeq: h.seq, Status: compliance.StatusOK,
		}}))(t)
		a.catchesUp()
		a.everyMinute(t.Context())
		if n := a.numbers.mismatches.Load(); len(moved) > 0 || n > 0 {
			t.Errorf("head %d: moved %v, %d mismatches", h.id, moved, n)
		}
	}
	a.agrees("after both")
}

func TestLastSeenIsReadByTheMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	a.mustPush(report{serial: "A", source: "alpha", sections: debs(deb("bash", "5"))})
	a.mustPush(report{serial: "B", source: "alpha", sections: debs(deb("bash", "5"))})
	a.catchesUp()
	w.exec("UPDATE head SET last_seen = last_seen + interval '1 hour' WHERE machine = (SELECT id FROM machine WHERE serial_number = 'B')")
	a.everyMinute(t.Context())
	want := must(a.store.ListMachines(t.Context(), store.MachineFilter{Limit: 10}))(t)
	got := a.find("", "", 10)
	for i := range want {
		if !got[i].LastSeen.Equal(want[i].LastSeen) {
			t.Errorf("%s: got %v, want %v", want[i].SerialNumber, got[i].LastSeen, want[i].LastSeen)
		}
	}
}

func TestOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	closed := must(pgxpool.NewWithConfig(t.Context(), newWorld(t).pool.Config()))(t)
	closed.Close()
	var log bytes.Buffer
	x := New(store.New(closed), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		x.rebuild(t.Context())
	}
	if n := strings.Count(log.String(), "index not up to date"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

func TestReadersAreToldWhileItIsBuilt(t *testing.T) {
	t.Parallel()
	a := New(nil, Options{})
	errs := []error{a.Fresh(t.Context())}
	_, err := a.Software(store.SoftwareFilter{})
	errs = append(errs, err)
	_, err = a.With(Wanted{})
	errs = append(errs, err)
	_, err = a.Counts()
	errs = append(errs, err)
	_, err = a.CheckStatuses()
	for _, err := range append(errs, err) {
		if !errors.Is(err, ErrBuilding) {
			t.Errorf("got %v", err)
		}
	}
}

func TestManyVersionsOfANameAreInOrder(t *testing.T) {
	t.Parallel()
	c := newCatalog()
	const versions = 5 * fewVersions
	for round := range 2 { // architectures
		for i := range versions {
			id := round*versions + i + 1
			c.put(store.IndexAsset{ID: int64(id), Kind: "deb_packages", Name: "bash", Version: fmt.Sprint(i * 7 % versions)})
			if i%100 == 0 {
				c.sort()
			}
		}
	}
	c.sort()
	got := c.kinds["deb_packages"].byName["bash"].versions
	if len(got) != versions || !slices.IsSortedFunc(got, func(a, b *version) int { return strings.Compare(a.text, b.text) }) {
		t.Errorf("got %d versions, want %d in order", len(got), versions)
	}
	if slices.ContainsFunc(got, func(v *version) bool { return len(v.assets) != 2 }) {
		t.Error("a version lacks an asset")
	}
}
