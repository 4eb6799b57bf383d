// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// launcher is an aggregator that makes files.
type launcher struct {
	*aggregator
	store  *store.Store
	folder string
}

// newLauncher returns one on a database; what is left of the options is filled in.
func newLauncher(t *testing.T, dsn string, o task.Options) *launcher {
	t.Helper()
	a := &aggregator{t: t, metrics: prometheus.NewRegistry(), log: &logBuffer{}}
	if o.Files == "" {
		o.Files = t.TempDir() + "/files"
	}
	o.Metrics, o.Log = a.metrics, slog.New(slog.NewTextHandler(a.log, nil))
	a.Queue = must(task.Open(t.Context(), dsn, o))(t)
	t.Cleanup(a.Close)
	pool := must(store.Open(t.Context(), dsn))(t)
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	return &launcher{aggregator: a, store: s, folder: o.Files}
}

// as is the context of somebody who asks.
func as(t *testing.T, p auth.Principal) context.Context {
	t.Helper()
	return auth.WithPrincipal(t.Context(), p)
}

var jane = auth.Principal{Kind: auth.User, ID: 7, Name: "jane"}

// await polls until a task is as wanted.
func (l *launcher) await(id string, wanted func(store.Task) bool) (got store.Task) {
	l.t.Helper()
	l.eventually(func() bool {
		got = must(l.store.Task(l.t.Context(), id))(l.t)
		return wanted(got)
	}, func() string { return string(got.Status) + ": " + got.Err })
	return got
}

// status waits for a status.
func (l *launcher) status(id string, want store.TaskStatus) store.Task {
	l.t.Helper()
	return l.await(id, func(t store.Task) bool { return t.Status == want })
}

// files lists what is in the folder.
func (l *launcher) files() (names []string) {
	l.t.Helper()
	entries, err := os.ReadDir(l.folder)
	if err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// noFiles waits until there are none: a run that ends removes its file before it says that it has ended, or soon after.
func (l *launcher) noFiles() {
	l.t.Helper()
	l.eventually(func() bool { return len(l.files()) == 0 }, func() string { return strings.Join(l.files(), " ") })
}

// write makes a file of a few lines, and tells how far it is.
func write(ctx context.Context, run *task.Run, lines int) error {
	out, err := run.Create(ctx, task.File{Name: "lines.csv", ContentType: "text/csv"})
	if err != nil {
		return err
	}
	for i := range lines {
		run.Progress(int64(i+1), int64(lines))
		if _, err := out.Write([]byte("line\n")); err != nil {
			return err
		}
	}
	return nil
}

// hang writes a line and waits for the end of the run.
func hang(ctx context.Context, run *task.Run) error {
	if err := write(ctx, run, 1); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// begun tells whether a run has begun its file and stored its progress.
func begun(t store.Task) bool { return t.Status == store.TaskStarted && t.File != "" && t.Done == 1 }

// second is long enough for nothing to be taken for dead by mistake, and short enough for a test.
const second = time.Second
