// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// victimEnv tells the test program that it is the aggregator which is killed: the database, and the folder of files.
const victimEnv = "ROLLCALL_TASK_VICTIM"

// TestVictim is not a test of its own: it is the process that TestATaskOfAKilledAggregatorBeginsAnew kills.
func TestVictim(t *testing.T) {
	dsn, folder, ok := strings.Cut(os.Getenv(victimEnv), "\n")
	if !ok {
		t.Skip("it is for another test")
	}
	q := must(task.Open(t.Context(), dsn, task.Options{Files: folder, Log: slog.New(slog.DiscardHandler)}))(t)
	task.RegisterLaunched(q, func(ctx context.Context, _ sum, run *task.Run) error { return hang(ctx, run) })
	_ = q.Run(t.Context()) // until it is killed
}

func TestATaskOfAKilledAggregatorBeginsAnew(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	l := newLauncher(t, dsn, task.Options{})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return write(ctx, run, 2) })
	l.Hurry(3*second, second/10)

	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimEnv+"="+dsn+"\n"+l.folder)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	id := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	before := l.await(id, begun)
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // it was killed
	if names := l.files(); len(names) != 1 || names[0] != before.File+".part" {
		t.Errorf("the killed one left %v, want the part of %s", names, before.File)
	}

	l.run()
	got := l.status(id, store.TaskSuccess)
	if got.Runs != 2 || got.Job == before.Job || got.File == before.File {
		t.Errorf("got %+v, before %+v", got, before)
	}
	f := must(l.OpenFile(got))(t)
	defer func() { _ = f.Close() }()
	if text := string(must(io.ReadAll(f))(t)); text != "line\nline\n" {
		t.Errorf("file: got %q", text)
	}
	l.eventually(func() bool { return strings.Join(l.files(), " ") == got.File }, func() string { return strings.Join(l.files(), " ") })
}

func TestALaunchedTaskOfAnAggregatorThatStopsGoesToAnother(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	a, b := newLauncher(t, dsn, task.Options{}), newLauncher(t, dsn, task.Options{})
	task.RegisterLaunched(a.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return hang(ctx, run) })
	task.RegisterLaunched(b.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return write(ctx, run, 2) })
	a.run()
	id := must(task.Launch(as(t, jane), a.Queue, "sum", sum{}))(t)
	a.await(id, begun)
	a.stop()
	if got := must(a.store.Task(t.Context(), id))(t); got.Status != store.TaskPending || got.File != "" || got.Runs != 0 {
		t.Errorf("after the stop: got %+v", got)
	}
	if names := a.files(); len(names) != 0 {
		t.Errorf("it left %v", names)
	}
	b.run()
	if got := b.status(id, store.TaskSuccess); got.Err != "" || got.Runs != 1 {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(a.log.String(), "task failed") {
		t.Errorf("it was logged as a failure:\n%s", a.log)
	}
}

func TestARunThatWasTakenForDeadStops(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	slow, other := newLauncher(t, dsn, task.Options{}), newLauncher(t, dsn, task.Options{})
	var stopped atomic.Bool
	task.RegisterLaunched(slow.Queue, func(ctx context.Context, _ sum, run *task.Run) error {
		err := hang(ctx, run)
		stopped.Store(true)
		return err
	})
	task.RegisterLaunched(other.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return write(ctx, run, 2) })
	slow.run()
	id := must(task.Launch(as(t, jane), slow.Queue, "sum", sum{}))(t)
	slow.await(id, begun)
	other.Hurry(-second, second) // every run is dead to it
	if err := task.Tend(other.Queue, t.Context()); err != nil {
		t.Fatal(err)
	}
	slow.eventually(stopped.Load, func() string { return "it goes on" })
	slow.stop()
	slow.noFiles()
	other.Hurry(3*second, second)
	other.run()
	other.status(id, store.TaskSuccess)
}

func TestATaskThatKillsAggregatorsIsGivenUp(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, _ *task.Run) error { return nil })
	id := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	l.Hurry(-second, second)
	for range 5 {
		before := must(l.store.Task(t.Context(), id))(t)
		if before.Status == store.TaskFailure {
			t.Fatalf("given up after %d runs", before.Runs)
		}
		must(l.store.BeginTask(t.Context(), id, before.Job))(t) // and nobody hears of it again
		if err := task.Tend(l.Queue, t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(l.store.Task(t.Context(), id))(t); got.Status != store.TaskFailure || got.Runs != 5 || !strings.Contains(got.Err, "all of a sudden") {
		t.Errorf("got %+v", got)
	}
}
