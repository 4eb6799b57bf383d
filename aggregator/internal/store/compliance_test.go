// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// size is another snapshot for each number.
func size(n int) report { return report{"disks": {fmt.Sprintf(`{"name":"sda","size":%d}`, n)}} }

func TestTheJournalTellsOfStatuses(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	const ok, unknown, failed = compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed
	a, b := w.check("a").ID, w.check("b").ID
	var head store.Written
	n := uint64(0)
	push := func(list ...store.Status) func() {
		return func() {
			n++
			head = w.commit("S", agentSource, size(int(n)), statuses(list...), stamped(instanceA, n))
		}
	}
	evaluate := func(s store.Status) func() {
		return func() {
			s.Machine, s.Head, s.HeadSeq = must(w.EnsureMachine(ctx, "S"))(t), head.Head, head.Seq
			must(w.PutHeadStatuses(ctx, []store.Status{s}))(t)
		}
	}
	var waiver store.Waiver
	w.said()
	steps := []struct {
		name string
		do   func()
		want []string
	}{
		{"no check", push(), []string{"commit"}},
		{"first", push(result(a, ok), result(b, unknown)), []string{
			"commit",
			fmt.Sprintf(`status [{"check":%d,"version":1,"status":0}, {"check":%d,"version":1,"status":200}]`, a, b),
			`compliance {"status":200}`,
		}},
		{"the same again", push(result(a, ok), result(b, unknown)), []string{"commit"}},
		{"one is worse, the overall status is not", push(result(a, unknown)), []string{
			"commit", fmt.Sprintf(`status [{"check":%d,"version":1,"status":200,"previous":0,"seconds":N}]`, a),
		}},
		{"the worst", push(result(a, failed)), []string{
			"commit", fmt.Sprintf(`status [{"check":%d,"version":1,"status":300,"previous":200,"seconds":N}]`, a),
			`compliance {"status":300,"previous":200}`,
		}},
		{"waived", func() { waiver = w.waive(a, "S") }, []string{`compliance {"status":200,"previous":300}`}},
		{"no longer waived", func() {
			if err := w.DeleteWaiver(ctx, waiver.ID); err != nil {
				t.Error(err)
			}
		}, []string{`compliance {"status":300,"previous":200}`}},
		{"waived once more", func() { w.waive(a, "S") }, []string{`compliance {"status":200,"previous":300}`}},
		{"expired", func() { w.expire() }, []string{`compliance {"status":300,"previous":200}`}},
		{"archived", func() { must(w.Archive(ctx, []string{"S"}))(t) }, []string{"archive", `compliance {"previous":300}`}},
		{"evaluated while archived", evaluate(store.Status{CheckID: a, CheckVersion: 2, Status: ok}), []string{
			fmt.Sprintf(`status [{"check":%d,"version":2,"status":0,"previous":300,"seconds":N}]`, a),
		}},
		{"revived by a check-in", func() {
			n++
			if !w.touches(store.CheckIn{Head: head.Head, Root: w.root(head.Head), Instance: instanceA, Counter: n}) {
				t.Error("not touched")
			}
		}, []string{"revive", `compliance {"status":200}`}},
		{"archived again", func() { must(w.Archive(ctx, []string{"S"}))(t) }, []string{"archive", `compliance {"previous":200}`}},
		{"revived by a commit", push(), []string{"revive", "commit", `compliance {"status":200}`}},
		{"out of scope", func() {
			n++
			head = w.commit("S", agentSource, size(int(n)), stamped(instanceA, n), func(c *store.Commit) { c.Cleared = []int64{b} })
		}, []string{"commit", `compliance {"status":0,"previous":200}`}},
		{"dropped", func() {
			if err := w.DropOutdatedStatuses(ctx, a, 3); err != nil {
				t.Error(err)
			}
		}, []string{"status", `compliance {"previous":0}`}},
		{"evaluated again", evaluate(store.Status{CheckID: b, CheckVersion: 2, Status: failed}), []string{
			fmt.Sprintf(`status [{"check":%d,"version":2,"status":300}]`, b), `compliance {"status":300}`,
		}},
		{"pruned", func() { must(w.Prune(ctx, []string{"S"}))(t) }, []string{"prune", `compliance {"previous":300}`}},
	}
	for _, step := range steps {
		step.do()
		if got := w.said(); !slices.Equal(got, step.want) {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
	if left := w.count("SELECT count(*) FROM waiver"); left != 0 {
		t.Errorf("%d waivers are left of a pruned machine", left)
	}
}

func TestTheJournalTellsHowLongAStatusHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check := w.check("c").ID
	w.commit("S", agentSource, size(1), statuses(result(check, compliance.StatusFailed)))
	w.exec("UPDATE check_status SET since = since - interval '1 hour'")
	w.commit("S", agentSource, size(2), statuses(result(check, compliance.StatusFailed)))
	w.commit("S", agentSource, size(3), statuses(result(check, compliance.StatusOK)))
	const held = "SELECT (body->0->>'seconds')::int FROM journal WHERE what = 'status' AND body->0->>'previous' = '300'"
	if got := w.count(held); got < 3600 || got > 3900 {
		t.Errorf("got %d seconds, want an hour", got)
	}
}

func TestAStatusThatMovesToAnotherHeadIsSettled(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c").ID
	w.commit("S", agentSource, size(1), statuses(result(check, compliance.StatusFailed)))
	must(w.Archive(ctx, []string{"S"}))(t)
	w.said()
	w.commit("S", "other", size(1), statuses(result(check, compliance.StatusFailed)))
	if got, want := w.said(), []string{"commit", "status", `compliance {"status":300}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStatusesOfADeletedCheckDoNotCount(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	good, bad := w.check("good").ID, w.check("bad").ID
	for i := range 3 {
		w.commit(fmt.Sprint("S", i), agentSource, size(1), statuses(result(good, compliance.StatusOK), result(bad, compliance.StatusFailed)))
	}
	w.waive(bad, "S1")
	if err := w.DeleteCheck(ctx, bad); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		machine := must(w.EnsureMachine(ctx, fmt.Sprint("S", i)))(t)
		if got, ok, err := w.OverallStatus(ctx, machine); err != nil || !ok || got.Status != compliance.StatusOK || got.Since.IsZero() {
			t.Errorf("machine %d: got %+v, %v, %v", i, got, ok, err)
		}
	}
	if got, want := w.told(), w.overall(); !maps.Equal(got, want) {
		t.Errorf("the journal tells %v, want %v", got, want)
	}
}

func TestAnExpiredWaiverIsNoticedOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c").ID
	for _, serial := range []string{"A", "B", "C"} {
		w.commit(serial, agentSource, size(1), statuses(result(check, compliance.StatusUnknown)))
		w.waive(check, serial)
	}
	if n := must(w.ExpireWaivers(ctx, 100))(t); n != 0 {
		t.Errorf("%d waivers ended too early", n)
	}
	w.exec("UPDATE waiver SET expires_at = now()")
	w.said()
	for i, want := range []int{2, 1, 0} {
		if n := must(w.ExpireWaivers(ctx, 2))(t); n != want {
			t.Errorf("call %d: got %d, want %d", i, n, want)
		}
	}
	line := `compliance {"status":200,"previous":0}`
	if got, want := w.said(), []string{line, line, line}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if w.count("SELECT count(*) FROM waiver WHERE ended_at IS NOT NULL") != 3 {
		t.Error("waivers are left that have not ended")
	}
}

// TestHeadsOfOneMachineThatCommitAtOnceAgree lets two sources of a machine report while it is archived and waived.
func TestHeadsOfOneMachineThatCommitAtOnceAgree(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, b := w.check("a").ID, w.check("b").ID
	all := []compliance.Status{compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed}
	report := func(check int64, source string) func() error {
		return func() error {
			for i := range 25 {
				status := all[rand.IntN(len(all))] //nolint:gosec // any order will do
				w.commit("S", source, size(i), statuses(result(check, status)))
			}
			return nil
		}
	}
	var group errgroup.Group
	group.Go(report(a, agentSource))
	group.Go(report(b, "other"))
	group.Go(func() error {
		for range 8 {
			waiver, err := w.CreateWaiver(ctx, store.Waiver{CheckID: a, SerialNumber: "S", Owner: "o", Reason: "r", ExpiresAt: tomorrow()})
			if _, unknown := errors.AsType[compliance.FieldErrors](err); unknown {
				continue // the machine has not reported yet
			}
			if err == nil {
				err = w.DeleteWaiver(ctx, waiver.ID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		for range 8 {
			if _, err := w.Archive(ctx, []string{"S"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := w.overall(), w.worst(); !maps.Equal(got, want) {
		t.Errorf("stored %v, want %v", got, want)
	}
	if got, want := w.told(), w.overall(); !maps.Equal(got, want) {
		t.Errorf("the journal tells %v, want %v", got, want)
	}
}
