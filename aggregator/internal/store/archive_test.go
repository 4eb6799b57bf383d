// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestArchivedMachineComesBackWithItsNextReport(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.commit("A", agentSource, report{"disks": {}})
	w.commit("A", "other", report{"disks": {}})
	w.commit("B", agentSource, report{"disks": {}})
	for i, want := range []int{2, 0} { // the second time there is nothing to do
		if n := must(w.Archive(ctx, []string{"A", "A", "unknown"}))(t); n != want {
			t.Errorf("call %d: got %d heads, want %d", i, n, want)
		}
	}
	known := func() (n int) { return len(must(w.ListMachines(ctx, store.MachineFilter{Limit: 10}))(t)) }
	if n := known(); n != 1 {
		t.Errorf("archived: got %d machines, want 1", n)
	}
	w.commit("A", agentSource, report{"disks": {}})
	if n := known(); n != 2 {
		t.Errorf("revived: got %d machines, want 2", n)
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'archive'"); n != 2 {
		t.Errorf("archived heads in the journal: got %d, want 2", n)
	}
}

func TestPruneLeavesTagsAndCredentials(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	ok := statuses(store.Status{CheckID: check.ID, CheckVersion: 1, Status: compliance.StatusOK})
	must(w.CreateEnrollment(ctx, store.NewEnrollment{Name: "e", Tags: []string{"web"}}))(t)
	w.exec("UPDATE enrollment SET secret_digest = sha256('e')")
	must(w.issue("A", "credential", "e"))(t)
	disk := func(i int) report { return report{"disks": {fmt.Sprintf(`{"name":"sda","size":%d}`, i)}} }
	for _, i := range []int{1, 2, 1} { // two contents, three commits
		w.commit("A", agentSource, disk(i), ok)
	}
	w.commit("A", "other", disk(1))
	kept := w.commit("B", agentSource, disk(1), ok)

	got := must(w.Prune(ctx, []string{"A", "unknown"}))(t)
	if want := (store.Pruned{CurrentMachineSnapshots: 2, MachineSnapshotCommits: 4, MachineSnapshots: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, table := range []string{"head", "head_section", "change", "check_status"} {
		column := "head"
		if table == "head" {
			column = "id"
		}
		if n := w.count("SELECT count(*) FROM "+table+" WHERE "+column+" <> $1", kept.Head); n != 0 {
			t.Errorf("%s: %d rows are left", table, n)
		}
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'prune' AND head IS NOT NULL"); n != 2 {
		t.Errorf("pruned heads in the journal: got %d, want 2", n)
	}
	d := must(w.Machine(ctx, "A"))(t)
	if len(d.Tags) != 1 || len(must(w.LatestCredentials(ctx, d.ID))(t)) != 1 {
		t.Errorf("tags: got %v", d.Tags)
	}
	if again := must(w.Prune(ctx, []string{"A"}))(t); again != (store.Pruned{}) {
		t.Errorf("second time: got %+v", again)
	}
	if back := w.commit("A", agentSource, disk(1)); back.Seq != 1 {
		t.Errorf("after the prune: got seq %d, want 1", back.Seq)
	}
}

func TestArchivesAndPrunesAtOnceDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var serials, backwards []string
	for i := range 30 {
		serial := fmt.Sprint("S", i)
		w.commit(serial, agentSource, report{"disks": {}})
		serials, backwards = append(serials, serial), append([]string{serial}, backwards...)
	}
	var group errgroup.Group
	for _, list := range [][]string{serials, backwards, serials} {
		group.Go(func() error { _, err := w.Archive(t.Context(), list); return err })
		group.Go(func() error { _, err := w.Prune(t.Context(), list); return err })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
