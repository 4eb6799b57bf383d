// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"fmt"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// tagged is a fleet and a check on those of its machines that carry the tag t.
func (q *queued) tagged(machines int) (serials []string) {
	q.t.Helper()
	for i := range machines {
		serials = append(serials, fmt.Sprint("S", i))
		q.report(serials[i], i)
	}
	q.exec("INSERT INTO tag (name) VALUES ('t')")
	q.check("c", "os_version.major >= `0`", alpha, func(c *compliance.Check) {
		c.Tags = []int64{value[int64](q.world, "SELECT id FROM tag WHERE name = 't'")}
	})
	return serials
}

func operation(kind store.TagOperationKind) []store.TagOperation {
	return []store.TagOperation{{Kind: kind, Names: []string{"t"}}}
}

const nonePending = "SELECT count(*) = 0 FROM pending_evaluation"

func TestAFewMachinesAreJudgedWhenTheirTagsChange(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	serials := q.tagged(3)
	must(q.TagMachines(t.Context(), serials, operation(store.AddTags)))(t)
	if !value[bool](q.world, countStatuses, 3) || !value[bool](q.world, nonePending) {
		t.Error("they were not judged")
	}
	must(q.TagMachines(t.Context(), serials[:1], operation(store.RemoveTags)))(t)
	if !value[bool](q.world, countStatuses, 2) || !value[bool](q.world, nonePending) {
		t.Error("a status without the tag stayed")
	}
}

func TestManyMachinesAreJudgedByATask(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	const machines = 130
	serials := q.tagged(machines)
	must(q.TagMachines(t.Context(), serials, operation(store.AddTags)))(t)
	if got := value[int](q.world, "SELECT count(*) FROM pending_evaluation"); got != machines {
		t.Errorf("%d machines wait, want %d", got, machines)
	}
	q.run()
	q.until(countStatuses, machines)
	q.until(nonePending)
}

// Whoever is killed between the tags and the judgement leaves it to the next one that looks.
func TestTagsWithoutAJudgementAreSwept(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	serials := q.tagged(3)
	must(q.store.TagMachines(t.Context(), serials, operation(store.AddTags)))(t)
	if err := q.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !value[bool](q.world, countStatuses, 3) || !value[bool](q.world, nonePending) {
		t.Error("they were not judged")
	}
}

func TestAMachineWaitsOnWhenItsTagsChangeMeanwhile(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	serials := q.tagged(2)
	must(q.store.TagMachines(t.Context(), serials, operation(store.AddTags)))(t)
	pending := must(q.store.PendingMachines(t.Context(), nil, 0, 0, 10))(t)
	must(q.store.TagMachines(t.Context(), serials[:1], operation(store.RemoveTags)))(t)
	if err := q.store.DropPending(t.Context(), pending); err != nil {
		t.Fatal(err)
	}
	left := must(q.store.PendingMachines(t.Context(), nil, 0, 0, 10))(t)
	if len(pending) != 2 || len(left) != 1 || left[0].Machine != pending[0].Machine {
		t.Errorf("first %v, then %v", pending, left)
	}
}

func TestTagsThatCannotBeJudgedDelayNoCheck(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.report("S", 13)
	must(w.store.CreateCheck(ctx, compliance.Check{Name: "c", SourceName: "alpha", Expression: "os_version.major == `13`"}))(t)
	w.exec("ALTER TABLE pending_evaluation RENAME TO away")
	if err := w.Sweep(ctx); err == nil {
		t.Error("nobody is told")
	}
	if left := must(w.store.ChecksToEvaluate(ctx, nil))(t); len(left) != 0 || !value[bool](w, countStatuses, 1) {
		t.Errorf("still to be evaluated: %v", left)
	}
}
