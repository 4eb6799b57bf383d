// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func (w *world) check(name string) compliance.Check {
	w.t.Helper()
	return must(w.CreateCheck(w.t.Context(), compliance.Check{Name: name, SourceName: agentSource, Expression: "`true`"}))(w.t)
}

func TestCheckIsStoredAsVersionOne(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	must(w.CreateEnrollment(ctx, store.NewEnrollment{Name: "e", Tags: []string{"web"}}))(t)
	tag := must(w.Tags(ctx))(t)[0].ID
	before := w.count("SELECT generation FROM check_generation")
	c := compliance.Check{Name: "bash", Description: "d", SourceName: "rollcall", Platforms: []string{"LINUX", "MACOS"}, Tags: []int64{tag}, Expression: "a"}
	created := must(w.CreateCheck(ctx, c))(t)
	got := must(w.Check(ctx, created.ID))(t)
	if got.Version != 1 || got.Name != "bash" || got.Description != "d" || !slices.Equal(got.Platforms, c.Platforms) ||
		!slices.Equal(got.Tags, c.Tags) || got.Expression != "a" || got.ComplianceCheckID == 0 || got.CreatedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	if after := w.count("SELECT generation FROM check_generation"); after != before+1 {
		t.Errorf("generation: got %d, want %d", after, before+1)
	}
	second := w.check("second")
	if all := must(w.AllChecks(ctx))(t); len(all) != 2 || all[1].ID != second.ID {
		t.Errorf("all: got %+v", all)
	}
	if page := must(w.ListChecks(ctx, created.ID, 5))(t); len(page) != 1 || page[0].ID != second.ID {
		t.Errorf("page: got %+v", page)
	}
	if _, err := w.Check(ctx, 99); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown check: got %v", err)
	}
}

func TestCheckIsRefusedWithItsField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check("taken")
	tests := map[string]compliance.Check{
		"name":    {Name: "taken", SourceName: "a", Expression: "a"},
		"tags[0]": {Name: "free", SourceName: "a", Expression: "a", Tags: []int64{7}},
	}
	for field, c := range tests {
		_, err := w.CreateCheck(t.Context(), c)
		if fields, ok := errors.AsType[compliance.FieldErrors](err); !ok || len(fields[field]) != 1 {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// statuses is a change of a commit.
func statuses(list ...store.Status) func(*store.Commit) {
	return func(c *store.Commit) { c.Statuses = list }
}

func TestStatusMovesOnlyForward(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	result := func(version int, s compliance.Status) store.Status {
		return store.Status{CheckID: check.ID, CheckVersion: version, Status: s}
	}
	disk := func(size string) report { return report{"disks": {`{"name":"sda","size":` + size + `}`}} }
	first := w.commit("S", agentSource, disk("1"), statuses(result(1, compliance.StatusOK)))
	if len(first.Statuses) != 1 || first.Statuses[0].Previous != nil {
		t.Fatalf("first result: got %+v", first.Statuses)
	}
	same := w.commit("S", agentSource, disk("2"), statuses(result(1, compliance.StatusOK)))
	if len(same.Statuses) != 0 {
		t.Errorf("same result: got %+v", same.Statuses)
	}
	worse := w.commit("S", agentSource, disk("3"), statuses(result(1, compliance.StatusFailed)))
	if len(worse.Statuses) != 1 || worse.Statuses[0].Previous == nil || *worse.Statuses[0].Previous != compliance.StatusOK {
		t.Errorf("other result: got %+v", worse.Statuses)
	}
	tests := []struct {
		name    string
		seq     int64
		version int
		status  compliance.Status
		want    compliance.Status // stored afterwards
	}{
		{name: "an older seq is passed over", seq: 2, version: 1, status: compliance.StatusOK, want: compliance.StatusFailed},
		{name: "the same seq and version is passed over", seq: 3, version: 1, status: compliance.StatusOK, want: compliance.StatusFailed},
		{name: "a newer version counts", seq: 3, version: 2, status: compliance.StatusUnknown, want: compliance.StatusUnknown},
		{name: "an older version is passed over", seq: 3, version: 1, status: compliance.StatusOK, want: compliance.StatusUnknown},
	}
	machine := must(w.EnsureMachine(ctx, "S"))(t)
	for _, test := range tests {
		w.exec("UPDATE head SET seq = $1", test.seq)
		s := result(test.version, test.status)
		s.Machine, s.Head, s.HeadSeq = machine, first.Head, test.seq
		if len(must(w.PutHeadStatuses(ctx, []store.Status{s}))(t)) > 0 {
			t.Errorf("%s: the head is at that seq", test.name)
		}
		if got, ok, err := w.OverallStatus(ctx, machine); err != nil || !ok || got.Status != test.want {
			t.Errorf("%s: got %v, %v, %v; want %v", test.name, got, ok, err, test.want)
		}
	}
	got := must(w.ListStatuses(ctx, check.ID, "", 10))(t)
	if len(got) != 1 || got[0].Previous == nil || *got[0].Previous != compliance.StatusFailed || got[0].Version != 2 {
		t.Errorf("list: got %+v", got)
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'status'"); n != 3 {
		t.Errorf("status changes in the journal: got %d, want those of the first status, of the worse one and of the newer version", n)
	}
	must(w.Archive(ctx, []string{"S"}))(t)
	if got, ok, err := w.OverallStatus(ctx, machine); ok || err != nil {
		t.Errorf("archived: got %v, %v; no list has its status", got, err)
	}
}

func TestStatusesOfAHeadThatMovedOnAreNotStored(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	wrote := w.commit("S", agentSource, report{"disks": {}})
	s := store.Status{CheckID: check.ID, CheckVersion: 1, Machine: 1, Head: wrote.Head, HeadSeq: 7}
	if moved := must(w.PutHeadStatuses(ctx, []store.Status{s}))(t); !slices.Equal(moved, []int64{wrote.Head}) {
		t.Errorf("another seq: got %v", moved)
	}
	s.Head, s.HeadSeq = wrote.Head+1, 1
	if moved := must(w.PutHeadStatuses(ctx, []store.Status{s}))(t); len(moved) > 0 {
		t.Errorf("a head that was pruned: got %v", moved)
	}
	if _, ok, err := w.OverallStatus(ctx, must(w.EnsureMachine(ctx, "S"))(t)); ok || err != nil {
		t.Errorf("overall: got %v, %v", ok, err)
	}
}

func TestStatusHoldsUntilTheMachineWasSeenLast(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	for _, serial := range []string{"A", "B", "C"} {
		w.commit(serial, agentSource, report{"disks": {}}, statuses(store.Status{CheckID: check.ID, CheckVersion: 1, Status: compliance.StatusOK}))
	}
	must(w.Archive(ctx, []string{"C"}))(t)
	seen := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	w.exec("UPDATE head SET last_seen = $1", seen)
	got := must(w.ListStatuses(ctx, check.ID, "A", 10))(t)
	if len(got) != 1 || got[0].SerialNumber != "B" || !got[0].At.Equal(seen) || !got[0].Since.Before(seen) {
		t.Errorf("current version: got %+v", got)
	}
	w.exec("UPDATE jmespath_check SET version = 2")
	if got = must(w.ListStatuses(ctx, check.ID, "", 1))(t); len(got) != 1 || !got[0].At.Equal(got[0].Since) || got[0].Version != 1 {
		t.Errorf("former version: got %+v", got)
	}
}

func TestStatusesOfManyHeadsAreStoredTogether(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	var all []store.Status
	for i, serial := range []string{"A", "B", "C"} {
		wrote := w.commit(serial, agentSource, report{"disks": {}})
		all = append(all, store.Status{
			CheckID: check.ID, CheckVersion: 1, Machine: must(w.EnsureMachine(ctx, serial))(t),
			Head: wrote.Head, HeadSeq: wrote.Seq + int64(i/2), Status: compliance.StatusFailed,
		})
	}
	moved := must(w.PutHeadStatuses(ctx, all))(t)
	if !slices.Equal(moved, []int64{all[2].Head}) {
		t.Errorf("moved on: got %v, want %d", moved, all[2].Head)
	}
	if got := must(w.ListStatuses(ctx, check.ID, "", 10))(t); len(got) != 2 || got[0].SerialNumber != "A" || got[1].SerialNumber != "B" {
		t.Errorf("stored: got %+v", got)
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'status'"); n != 2 {
		t.Errorf("journal: got %d rows, want 2", n)
	}
	all[0].Status, all[0].CheckVersion = compliance.StatusOK, 2
	must(w.PutHeadStatuses(ctx, all[:2]))(t)
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'status'"); n != 3 {
		t.Errorf("journal after one of them changed: got %d rows, want 3", n)
	}
}
