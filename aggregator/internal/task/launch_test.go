// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

func TestALaunchedTaskLeavesAFile(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	scoped := jane
	scoped.Reach = auth.TaggedWith(3)
	var ran auth.Principal
	task.RegisterLaunched(l.Queue, func(ctx context.Context, args sum, run *task.Run) error {
		ran, _ = auth.PrincipalOf(ctx)
		return errors.Join(write(ctx, run, 3), run.Result(map[string]int{"sum": args.A + args.B}))
	})
	id := must(task.Launch(as(t, scoped), l.Queue, "contract.sum", sum{A: 1, B: 2}))(t)
	if again := must(task.Launch(as(t, scoped), l.Queue, "contract.sum", sum{A: 1, B: 2}))(t); again == id {
		t.Error("the same once more is no task of its own")
	}
	got := must(l.store.Task(t.Context(), id))(t)
	if got.Status != store.TaskPending || got.Name != "contract.sum" || got.Owner != (store.TaskOwner{Kind: "user", ID: 7, Name: "jane"}) || got.ExpiresAt != nil {
		t.Errorf("before anybody works: got %+v", got)
	}
	l.run()
	got = l.status(id, store.TaskSuccess)
	if string(got.Result) != `{"sum":3}` || got.Done != 3 || got.Total != 3 || got.Err != "" || got.Runs != 1 {
		t.Errorf("done: got %+v", got)
	}
	if want := `{"Content-Disposition":"attachment; filename=\"lines.csv\"","Content-Length":"15","Content-Type":"text/csv"}`; string(got.Headers) != want {
		t.Errorf("headers: got %s", got.Headers)
	}
	if keep := got.ExpiresAt.Sub(*got.EndedAt); keep != 7*24*time.Hour {
		t.Errorf("kept for %s", keep)
	}
	if ran.ID != 7 || ran.Kind != auth.User || ran.Reach.All() || len(ran.Grants) != 0 {
		t.Errorf("it ran as %+v", ran)
	}
	f := must(l.OpenFile(got))(t)
	defer func() { _ = f.Close() }()
	if text := string(must(io.ReadAll(f))(t)); text != "line\nline\nline\n" {
		t.Errorf("file: got %q", text)
	}
	mode := must(os.Stat(l.folder))(t).Mode().Perm()
	if fileMode := must(f.Stat())(t).Mode().Perm(); mode != 0o700 || fileMode != 0o600 {
		t.Errorf("modes: folder %o, file %o", mode, fileMode)
	}
}

func TestALaunchedTaskThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	var runs atomic.Int32
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error {
		runs.Add(1)
		return errors.Join(write(ctx, run, 1), run.Result(map[string]int{}), errors.New("broken\x00"))
	})
	task.RegisterLaunched(l.Queue, func(context.Context, other, *task.Run) error { panic("out of range") })
	l.run()
	id, panics := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t), must(task.Launch(as(t, jane), l.Queue, "other", other{}))(t)
	l.await(id, func(t store.Task) bool { return t.Status == store.TaskRetry && t.Err == "broken?" })
	got := l.status(id, store.TaskFailure)
	if got.Err != "broken?" || got.Result != nil || got.File != "" || got.Headers != nil || got.ExpiresAt == nil {
		t.Errorf("got %+v", got)
	}
	if n := runs.Load(); n != 3 || got.Runs != 3 {
		t.Errorf("%d runs, %d stored, want 3", n, got.Runs)
	}
	if n := strings.Count(l.log.String(), `msg="task failed" task=sum`); n != 1 {
		t.Errorf("the last failure was logged %d times, want once:\n%s", n, l.log)
	}
	l.noFiles()
	if got := l.status(panics, store.TaskFailure); got.Err != "panic: out of range" {
		t.Errorf("panic: got %q", got.Err)
	}
	if _, err := l.OpenFile(got); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its file: got %v", err)
	}
}

func TestProgressOfALaunchedTaskIsStoredWhileItRuns(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	release := make(chan struct{})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error {
		run.Progress(3, 7)
		select {
		case <-release:
			run.Progress(7, 7)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	l.run()
	id := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	got := l.await(id, func(t store.Task) bool { return t.Done == 3 })
	if got.Total != 7 || got.Status != store.TaskStarted || got.StartedAt == nil {
		t.Errorf("while it runs: got %+v", got)
	}
	close(release)
	if got := l.status(id, store.TaskSuccess); got.Done != 7 || got.File != "" {
		t.Errorf("at the end: got %+v", got)
	}
}

func TestALaunchedTaskIsRevoked(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	l, elsewhere := newLauncher(t, dsn, task.Options{}), newLauncher(t, dsn, task.Options{})
	for _, a := range []*launcher{l, elsewhere} {
		task.RegisterLaunched(a.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return hang(ctx, run) })
	}
	waiting := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	if !must(elsewhere.Revoke(as(t, jane), waiting))(t) {
		t.Error("one that waits is not revoked")
	}
	l.run()
	running := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	l.await(running, begun)
	if !must(elsewhere.Revoke(as(t, jane), running))(t) {
		t.Error("one that runs is not revoked")
	}
	l.eventually(func() bool { return l.counter("rollcall_tasks_running", "task=sum") == 0 }, func() string { return "it goes on" })
	l.noFiles()
	for _, id := range []string{waiting, running} {
		got := must(l.store.Task(t.Context(), id))(t)
		if got.Status != store.TaskRevoked || got.EndedAt == nil || got.File != "" {
			t.Errorf("got %+v", got)
		}
		if must(l.Revoke(as(t, jane), id))(t) {
			t.Error("revoked twice")
		}
	}
	if strings.Contains(l.log.String(), "task failed") {
		t.Errorf("it was logged as a failure:\n%s", l.log)
	}
	if must(l.Revoke(as(t, jane), "00000000-0000-4000-8000-000000000000"))(t) {
		t.Error("a task that nobody knows was revoked")
	}
}

func TestLongTasksDoNotKeepOthersWaiting(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return hang(ctx, run) })
	var others atomic.Int32
	task.Periodic(l.Queue, second/10, other{}, func(context.Context, other) error { others.Add(1); return nil })
	var ids []string
	for range 4 { // more than there are workers
		ids = append(ids, must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t))
	}
	l.run()
	started := func() (n int) {
		for _, id := range ids {
			if begun(must(l.store.Task(t.Context(), id))(t)) {
				n++
			}
		}
		return n
	}
	l.eventually(func() bool { return started() == 2 }, func() string { return "not two of them run" })
	before := others.Load()
	l.eventually(func() bool { return others.Load() > before+1 }, func() string { return "the periodic one waits" })
	if n := started(); n != 2 {
		t.Errorf("%d run, want 2", n)
	}
}

func TestFilesOfTasksHaveBounds(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{FilesMost: 1 << 20})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, args sum, run *task.Run) error { return write(ctx, run, args.A) })
	l.run()
	const half, whole = 600_000 / 5, 1_200_000 / 5
	tooLarge := must(task.Launch(as(t, jane), l.Queue, "sum", sum{A: whole}))(t)
	if got := l.status(tooLarge, store.TaskFailure); !strings.Contains(got.Err, "larger than 1 MiB") {
		t.Errorf("got %q", got.Err)
	}
	first := must(task.Launch(as(t, jane), l.Queue, "sum", sum{A: half}))(t)
	l.status(first, store.TaskSuccess)
	second := must(task.Launch(as(t, jane), l.Queue, "sum", sum{A: half}))(t)
	if got := l.status(second, store.TaskFailure); !strings.Contains(got.Err, "all exports together") {
		t.Errorf("together: got %q", got.Err)
	}
	if names := l.files(); len(names) != 1 {
		t.Errorf("files: got %v", names)
	}
}

func TestTasksAndTheirFilesExpire(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{Retention: 2 * second})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error { return write(ctx, run, 1) })
	l.Hurry(time.Minute, 100*time.Millisecond)
	if err := os.MkdirAll(l.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	const stray = "rollcall-ABCDEFGHIJKLMNOPQRSTUVWXYZ.part"
	for _, name := range []string{"notes.txt", stray} {
		if err := os.WriteFile(l.folder+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.run()
	id := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	l.eventually(func() bool {
		_, err := l.store.Task(t.Context(), id)
		return errors.Is(err, store.ErrNotFound)
	}, func() string { return "the task is there" })
	l.eventually(func() bool { return strings.Join(l.files(), " ") == "notes.txt" }, func() string { return strings.Join(l.files(), " ") })
	if _, err := os.Stat(l.folder + "/" + stray); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stray file: %v", err)
	}
}

func TestNobodyFillsTheQueueForAllOthers(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	task.RegisterLaunched(l.Queue, func(context.Context, sum, *task.Run) error { return nil })
	const most = 200
	var first string
	for i := range most {
		id := must(task.Launch(as(t, jane), l.Queue, "sum", sum{A: i}))(t)
		if i == 0 {
			first = id
		}
	}
	if _, err := task.Launch(as(t, jane), l.Queue, "sum", sum{}); !errors.Is(err, store.ErrTooManyTasks) {
		t.Errorf("one more: got %v", err)
	}
	john := auth.Principal{Kind: auth.User, ID: 8, Name: "john"}
	must(task.Launch(as(t, john), l.Queue, "sum", sum{}))(t)
	must(l.Revoke(as(t, jane), first))(t)
	must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
}
