// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

func TestAPeriodicTaskRunsOnceOnAllAggregators(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	var runs atomic.Int32
	aggregators := make([]*launcher, 3)
	for i := range aggregators {
		aggregators[i] = newLauncher(t, dsn, task.Options{})
		task.Periodic(aggregators[i].Queue, time.Hour, sum{}, func(context.Context, sum) error { runs.Add(1); return nil })
		task.RegisterLaunched(aggregators[i].Queue, func(context.Context, other, *task.Run) error { return nil })
		aggregators[i].run()
	}
	a := aggregators[0]
	a.eventually(func() bool { return runs.Load() > 0 }, func() string { return "no run" })
	a.status(must(task.Launch(as(t, jane), a.Queue, "other", other{}))(t), store.TaskSuccess) // what was queued together with it has begun
	if n := runs.Load(); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

func TestAPeriodicTaskIsCounted(t *testing.T) {
	t.Parallel()
	a := newAggregator(t, migrated(t))
	task.Periodic(a.Queue, time.Hour, sum{}, func(context.Context, sum) error { return nil })
	a.run()
	a.eventually(func() bool { return a.counter("rollcall_task_duration_seconds", "task=sum") == 1 }, func() string { return "not counted" })
	if n := a.counter("rollcall_task_runs_total", "outcome=done", "task=sum"); n != 1 {
		t.Errorf("%v runs, want 1", n)
	}
	if a.counter("rollcall_task_last_success_timestamp_seconds", "task=sum") == 0 || a.counter("rollcall_tasks_running", "task=sum") != 0 {
		t.Error("last success, or what runs, is wrong")
	}
	if a.log.String() != "" {
		t.Errorf("a task that went well was logged: %s", a.log)
	}
}

func TestAPeriodicTaskThatRunsIsNotBegunAgain(t *testing.T) {
	t.Parallel()
	a := newAggregator(t, migrated(t))
	var runs, others atomic.Int32
	task.Periodic(a.Queue, second/10, sum{}, func(ctx context.Context, _ sum) error {
		runs.Add(1)
		<-ctx.Done()
		return ctx.Err()
	})
	task.Periodic(a.Queue, second/10, other{}, func(context.Context, other) error { others.Add(1); return nil })
	a.run()
	a.eventually(func() bool { return runs.Load() > 0 }, func() string { return "no run" })
	begun := others.Load()
	a.eventually(func() bool { return runs.Load() > 1 || others.Load() >= begun+3 }, func() string { return "the other one does not come again" }) // and its time comes as often
	if n := runs.Load(); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

func TestAPeriodicTaskThatFailsIsLoggedOnceAndComesAgain(t *testing.T) {
	t.Parallel()
	a := newAggregator(t, migrated(t))
	var runs atomic.Int32
	task.Periodic(a.Queue, second/10, sum{A: 7}, func(_ context.Context, args sum) error {
		if runs.Add(1) == 1 {
			return fmt.Errorf("sum of %d: %w\x00", args.A, errBroken)
		}
		return nil
	})
	a.run()
	a.eventually(func() bool { return a.counter("rollcall_task_runs_total", "outcome=done", "task=sum") > 0 }, func() string { return "it does not come again" })
	if n := strings.Count(a.log.String(), "sum of 7: broken?"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, a.log)
	}
	if n := a.counter("rollcall_task_runs_total", "outcome=failed", "task=sum"); n != 1 {
		t.Errorf("%v failures counted, want 1", n)
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	t.Parallel()
	a := newAggregator(t, migrated(t))
	task.Periodic(a.Queue, time.Hour, sum{}, func(context.Context, sum) error { panic("out of range") })
	a.run()
	a.eventually(func() bool { return strings.Contains(a.log.String(), "panic: out of range") }, func() string { return "not logged" })
	if a.counter("rollcall_tasks_running", "task=sum") != 0 {
		t.Error("it still counts as running")
	}
}

func TestAPeriodicTaskOfAnAggregatorThatStopsRunsOnAnother(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	a, b := newAggregator(t, dsn), newAggregator(t, dsn)
	var begun, done atomic.Bool
	task.Periodic(a.Queue, time.Hour, sum{}, func(ctx context.Context, _ sum) error { begun.Store(true); <-ctx.Done(); return ctx.Err() })
	task.Periodic(b.Queue, time.Hour, sum{}, func(context.Context, sum) error { done.Store(true); return nil })
	a.run()
	a.eventually(begun.Load, func() string { return "no run" })
	a.stop()
	b.run()
	b.eventually(done.Load, func() string { return "the other one does not run it" })
	if strings.Contains(a.log.String(), "task failed") || a.counter("rollcall_task_runs_total", "outcome=failed", "task=sum") != 0 {
		t.Errorf("stopping counted as a failure:\n%s", a.log)
	}
}

func TestAnOlderAggregatorLeavesUnknownTasksAlone(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	older, newer := newLauncher(t, dsn, task.Options{}), newLauncher(t, dsn, task.Options{})
	task.RegisterLaunched(older.Queue, func(context.Context, sum, *task.Run) error { return nil })
	task.RegisterLaunched(newer.Queue, func(context.Context, sum, *task.Run) error { return nil })
	task.RegisterLaunched(newer.Queue, func(context.Context, other, *task.Run) error { return nil })
	older.run()
	unknown := must(task.Launch(as(t, jane), newer.Queue, "other", other{}))(t)
	older.status(must(task.Launch(as(t, jane), older.Queue, "sum", sum{}))(t), store.TaskSuccess)
	if got := must(older.store.Task(t.Context(), unknown))(t); got.Status != store.TaskPending || got.Runs != 0 || got.StartedAt != nil {
		t.Errorf("got %+v, want it untouched", got)
	}
	newer.run()
	newer.status(unknown, store.TaskSuccess)
}

func TestWiringMistakesAreToldWhenTheQueueRuns(t *testing.T) {
	t.Parallel()
	do := func(context.Context, sum) error { return nil }
	launched := func(context.Context, sum, *task.Run) error { return nil }
	for name, wire := range map[string]func(q *task.Queue){
		"periodic":              func(q *task.Queue) { task.Periodic(q, time.Hour, sum{}, do); task.Periodic(q, time.Hour, sum{}, do) },
		"launched":              func(q *task.Queue) { task.RegisterLaunched(q, launched); task.RegisterLaunched(q, launched) },
		"periodic and launched": func(q *task.Queue) { task.Periodic(q, time.Hour, sum{}, do); task.RegisterLaunched(q, launched) },
	} {
		a := newAggregator(t, migrated(t))
		wire(a.Queue)
		if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "sum") {
			t.Errorf("%s, registered twice: got %v", name, err)
		}
	}
	a := newAggregator(t, migrated(t))
	if _, err := task.Launch(as(t, jane), a.Queue, "other", other{}); err == nil {
		t.Error("a task that nobody registered was launched")
	}
}

func TestSeveralProcessesMigrateTheQueue(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return task.Migrate(t.Context(), dsn, discard) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := task.Migrate(t.Context(), dsn, discard); err != nil {
		t.Errorf("once more: %v", err)
	}
}
