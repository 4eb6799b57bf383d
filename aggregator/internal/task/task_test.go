// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

func TestATaskLeavesAResult(t *testing.T) {
	t.Parallel()
	a, ctx := newAggregator(t, migrated(t)), t.Context()
	task.RegisterReporting(a.Queue, func(ctx context.Context, args sum, report *task.Report) error {
		return errors.Join(report.Progress(ctx, 1, 2), report.Progress(ctx, 2, 2), report.Result(ctx, map[string]int{"sum": args.A + args.B}))
	})
	waiting := must(a.Insert(ctx, sum{A: 1, B: 2}))(t)
	if got := must(a.Get(ctx, waiting))(t); got.State != task.Waiting || got.Kind != "sum" || got.StartedAt != nil || got.CreatedAt.IsZero() {
		t.Errorf("before anybody works: got %+v", got)
	}
	a.run()
	got := a.until(waiting, task.Done)
	if string(got.Result) != `{"sum":3}` && string(got.Result) != `{"sum": 3}` {
		t.Errorf("result: got %s", got.Result)
	}
	if got.Done != 2 || got.Total != 2 || got.Err != "" || got.StartedAt == nil || got.EndedAt == nil || !strings.Contains(string(got.Args), `"b"`) {
		t.Errorf("done: got %+v", got)
	}
	a.eventually(func() bool { return a.counter("rollcall_task_runs_total", "outcome=done", "task=sum") == 1 }, func() string { return "not counted" })
	if n := a.counter("rollcall_task_duration_seconds", "task=sum"); n != 1 {
		t.Errorf("%v durations, want 1", n)
	}
	if a.counter("rollcall_task_last_success_timestamp_seconds", "task=sum") == 0 || a.counter("rollcall_tasks_running", "task=sum") != 0 {
		t.Error("last success, or what runs, is wrong")
	}
	if a.log.String() != "" {
		t.Errorf("a task that went well was logged: %s", a.log)
	}
}

func TestProgressIsSeenWhileATaskRuns(t *testing.T) {
	t.Parallel()
	a, ctx := newAggregator(t, migrated(t)), t.Context()
	release := make(chan struct{})
	task.RegisterReporting(a.Queue, func(ctx context.Context, _ sum, report *task.Report) error {
		if err := report.Progress(ctx, 3, 7); err != nil {
			return err
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
	a.run()
	id := must(a.Insert(ctx, sum{}))(t)
	a.eventually(func() bool { return must(a.Get(ctx, id))(t).Done == 3 }, func() string { return "no progress" })
	if got := must(a.Get(ctx, id))(t); got.Total != 7 || got.State != task.Running {
		t.Errorf("got %+v", got)
	}
	close(release)
	a.until(id, task.Done)
}

func TestTheSameTaskDoesNotWaitTwice(t *testing.T) {
	t.Parallel()
	a, ctx := newAggregator(t, migrated(t)), t.Context()
	var runs atomic.Int32
	task.Register(a.Queue, func(context.Context, sum) error { runs.Add(1); return nil })
	first := must(a.Insert(ctx, sum{A: 1}))(t)
	if again := must(a.Insert(ctx, sum{A: 1}))(t); again != first {
		t.Errorf("the same once more: got %d, want %d", again, first)
	}
	second := must(a.Insert(ctx, sum{A: 2}))(t)
	if second == first {
		t.Error("other arguments: the same task")
	}
	a.run()
	a.until(first, task.Done)
	a.until(second, task.Done)
	third := must(a.Insert(ctx, sum{A: 1}))(t)
	if third == first {
		t.Error("a task that is done keeps the next one away")
	}
	a.until(third, task.Done)
	if n := runs.Load(); n != 3 {
		t.Errorf("%d runs, want 3", n)
	}
}

func TestATaskThatFailsIsTriedAgainAndLoggedOnce(t *testing.T) {
	t.Parallel()
	a, ctx := newAggregator(t, migrated(t)), t.Context()
	var runs atomic.Int32
	task.Register(a.Queue, func(_ context.Context, args sum) error {
		if runs.Add(1) == 1 {
			return fmt.Errorf("sum of %d: %w", args.A, errBroken)
		}
		return nil
	})
	a.run()
	id := must(a.Insert(ctx, sum{A: 7}))(t)
	if got := a.until(id, task.Done); got.Err != "sum of 7: broken" {
		t.Errorf("error of the first run: got %q", got.Err)
	}
	if n := strings.Count(a.log.String(), "sum of 7: broken"); n != 1 {
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

func TestATaskIsCancelled(t *testing.T) {
	t.Parallel()
	dsn, ctx := migrated(t), t.Context()
	a, b := newAggregator(t, dsn), newAggregator(t, dsn)
	task.Register(a.Queue, func(ctx context.Context, _ sum) error { <-ctx.Done(); return ctx.Err() })
	task.Register(b.Queue, func(context.Context, sum) error { return nil })
	waiting := must(a.Insert(ctx, sum{A: 1}))(t)
	if err := a.Cancel(ctx, waiting); err != nil {
		t.Fatal(err)
	}
	a.until(waiting, task.Cancelled)
	a.run()
	running := must(a.Insert(ctx, sum{A: 2}))(t)
	a.until(running, task.Running)
	if err := b.Cancel(ctx, running); err != nil { // through another aggregator
		t.Fatal(err)
	}
	a.until(running, task.Cancelled)
	if strings.Contains(a.log.String(), "task failed") {
		t.Errorf("it was logged as a failure:\n%s", a.log)
	}
	if err := a.Cancel(ctx, 1<<40); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("unknown task: got %v", err)
	}
	if _, err := a.Get(ctx, 1<<40); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("unknown task: got %v", err)
	}
}

func TestATaskOfAnAggregatorThatStopsGoesToAnother(t *testing.T) {
	t.Parallel()
	dsn, ctx := migrated(t), t.Context()
	a, b := newAggregator(t, dsn), newAggregator(t, dsn)
	task.Register(a.Queue, func(ctx context.Context, _ sum) error { <-ctx.Done(); return ctx.Err() })
	task.Register(b.Queue, func(context.Context, sum) error { return nil })
	a.run()
	id := must(a.Insert(ctx, sum{}))(t)
	a.until(id, task.Running)
	a.stop()
	b.run()
	if got := b.until(id, task.Done); got.Err != "" {
		t.Errorf("stopping counted as a failure: %s", got.Err)
	}
	if strings.Contains(a.log.String(), "task failed") {
		t.Errorf("it was logged as a failure:\n%s", a.log)
	}
}

func TestAnOlderAggregatorLeavesUnknownTasksAlone(t *testing.T) {
	t.Parallel()
	dsn, ctx := migrated(t), t.Context()
	older, newer := newAggregator(t, dsn), newAggregator(t, dsn)
	task.Register(older.Queue, func(context.Context, sum) error { return nil })
	task.Register(newer.Queue, func(context.Context, sum) error { return nil })
	task.Register(newer.Queue, func(context.Context, other) error { return nil })
	older.run()
	unknown := must(newer.Insert(ctx, other{}))(t)
	older.until(must(older.Insert(ctx, sum{}))(t), task.Done)
	if got := must(older.Get(ctx, unknown))(t); got.State != task.Waiting || got.StartedAt != nil {
		t.Errorf("got %+v, want it untouched", got)
	}
	newer.run()
	newer.until(unknown, task.Done)
}

func TestAPeriodicTaskRunsOnceOnAllAggregators(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	var runs atomic.Int32
	aggregators := make([]*aggregator, 3)
	for i := range aggregators {
		aggregators[i] = newAggregator(t, dsn)
		task.Periodic(aggregators[i].Queue, time.Hour, sum{}, func(context.Context, sum) error { runs.Add(1); return nil })
		task.Register(aggregators[i].Queue, func(context.Context, other) error { return nil })
		aggregators[i].run()
	}
	a := aggregators[0]
	a.eventually(func() bool { return runs.Load() > 0 }, func() string { return "no run" })
	a.until(must(a.Insert(t.Context(), other{}))(t), task.Done) // what was queued together with it has begun
	if n := runs.Load(); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

func TestWiringMistakesAreToldWhenTheQueueRuns(t *testing.T) {
	t.Parallel()
	a := newAggregator(t, migrated(t))
	task.Register(a.Queue, func(context.Context, sum) error { return nil })
	task.Register(a.Queue, func(context.Context, sum) error { return nil })
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "sum") {
		t.Errorf("a task registered twice: got %v", err)
	}
	if _, err := a.Insert(t.Context(), other{}); err == nil {
		t.Error("a task that nobody registered was inserted")
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
