// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestOnlyTheNewestVersionOfACheckHasStatuses(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	old := store.Status{CheckID: check.ID, CheckVersion: 1, Status: compliance.StatusFailed}
	wrote := w.commit("S1", agentSource, report{"disks": {}}, statuses(old))
	late := w.commit("S2", agentSource, report{"disks": {}})
	check.Expression = "other"
	updated, evaluate, err := w.UpdateCheck(ctx, check)
	if err != nil || !evaluate || updated.Version != 2 {
		t.Fatalf("got version %d, evaluate %v, %v", updated.Version, evaluate, err)
	}
	old.Machine, old.Head, old.HeadSeq = must(w.EnsureMachine(ctx, "S2"))(t), late.Head, late.Seq
	if moved := must(w.PutHeadStatuses(ctx, []store.Status{old}))(t); len(moved) > 0 {
		t.Errorf("heads %v are to be evaluated again for a version that is over", moved)
	}
	if n := w.count("SELECT count(*) FROM check_status WHERE machine = $1", old.Machine); n != 0 {
		t.Error("the result of an older version was stored")
	}
	if err := w.DropOutdatedStatuses(ctx, check.ID, 1); err != nil || w.count("SELECT count(*) FROM check_status") != 1 {
		t.Errorf("a status was dropped that is of version 1: %v", err)
	}
	if err := w.DropOutdatedStatuses(ctx, check.ID, 2); err != nil || w.count("SELECT count(*) FROM check_status") != 0 {
		t.Errorf("a status of version 1 is left: %v", err)
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'status' AND head = $1 AND body IS NULL", wrote.Head); n != 1 {
		t.Errorf("the journal tells %d times that the head's status is gone", n)
	}
}

func TestACommitForACheckThatWasDeletedIsComputedAnew(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	machine := must(w.EnsureMachine(ctx, "S"))(t)
	source := must(w.EnsureSource(ctx, store.Source{Module: "m", Name: "n"}))(t)
	if err := w.DeleteCheck(ctx, check.ID); err != nil {
		t.Fatal(err)
	}
	state := must(w.LoadHead(ctx, machine, source.ID))(t)
	_, err := w.WriteCommit(ctx, &store.Commit{
		Machine: machine, Source: source.ID, State: &state, Root: pack.Sections{}.Root(),
		Plan: pack.NewPlan(nil, pack.Sections{}, nil), Delta: pack.EncodeDeltas(nil),
		Statuses: []store.Status{{CheckID: check.ID, CheckVersion: 1}},
	})
	if !errors.Is(err, store.ErrRetry) {
		t.Errorf("got %v, want to be told to compute it anew", err)
	}
	if err := w.DeleteCheck(ctx, check.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestChangesOfChecksAreAudited(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	check.Description = "why"
	if _, evaluate, err := w.UpdateCheck(ctx, check); err != nil || evaluate {
		t.Fatalf("a description makes a new version: %v, %v", evaluate, err)
	}
	if err := w.DeleteCheck(ctx, check.ID); err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{
		"action = 'created' AND before IS NULL AND after->>'name' = 'c'",
		"action = 'updated' AND before->>'description' = '' AND after->>'description' = 'why'",
		"action = 'deleted' AND before->>'description' = 'why' AND after IS NULL",
	} {
		if n := w.count("SELECT count(*) FROM audit WHERE object = 'jmespath_check' AND actor_kind = 'system' AND " + action); n != 1 {
			t.Errorf("%s: %d rows", action, n)
		}
	}
}

func TestACheckWhoseDeletionFailedWaitsForItsEvaluation(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c").ID
	w.commit("S", agentSource, report{"disks": {}}, statuses(result(check, compliance.StatusFailed)))
	if err := w.MarkEvaluated(ctx, check, 1); err != nil {
		t.Fatal(err)
	}
	w.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$`)
	w.exec(`CREATE TRIGGER refuse BEFORE DELETE ON jmespath_check FOR EACH ROW EXECUTE FUNCTION refuse()`)
	if err := w.DeleteCheck(ctx, check); err == nil {
		t.Fatal("deleted in spite of the trigger")
	}
	if waiting := must(w.ChecksToEvaluate(ctx, nil))(t); len(waiting) != 1 || waiting[0].ID != check {
		t.Errorf("checks that wait: %v; the statuses are gone, so this one has to", waiting)
	}
}

func TestACommitThatWaitedForWhoWaitedForItIsComputedAnew(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	machine := must(w.EnsureMachine(ctx, "S"))(t)
	source := must(w.EnsureSource(ctx, store.Source{Module: "m", Name: "n"}))(t)
	state := must(w.LoadHead(ctx, machine, source.ID))(t)
	w.exec(`CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'deadlock' USING ERRCODE = '40P01'; END $$`)
	w.exec(`CREATE TRIGGER deadlock BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION deadlock()`)
	_, err := w.WriteCommit(ctx, &store.Commit{
		Machine: machine, Source: source.ID, State: &state, Root: pack.Sections{}.Root(),
		Plan: pack.NewPlan(nil, pack.Sections{}, nil), Delta: pack.EncodeDeltas(nil),
	})
	if !errors.Is(err, store.ErrRetry) {
		t.Errorf("got %v, want to be told to compute it anew", err)
	}
}
