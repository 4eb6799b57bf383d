// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

func TestFilesThatGrowAtOnceShareTheRoom(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{FilesMost: 1 << 20})
	begun, full := make(chan struct{}, 2), make(chan struct{})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error {
		out, err := run.Create(ctx, task.File{Name: "some.csv", ContentType: "text/csv"})
		if err != nil {
			return err
		}
		begun <- struct{}{}
		select {
		case <-full: // both have a file, and the room was enough for each
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err = out.Write(bytes.Repeat([]byte("x"), 700_000))
		return err
	})
	l.run()
	ids := []string{must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t), must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)}
	<-begun
	<-begun
	close(full)
	ended := map[store.TaskStatus]int{}
	for _, id := range ids {
		got := l.await(id, func(t store.Task) bool { return !t.Status.Unready() })
		ended[got.Status]++
	}
	if ended[store.TaskFailure] == 0 {
		t.Errorf("two files of 700 kB in 1 MiB: got %v", ended)
	}
}

func TestWhatIsTemporaryGoesWithTheRun(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{FilesMost: 1 << 20})
	task.RegisterLaunched(l.Queue, func(ctx context.Context, args sum, run *task.Run) error {
		if _, err := run.Folder(); err == nil {
			return errors.New("a folder without a file")
		}
		out, err := run.Create(ctx, task.File{Name: "some.csv", ContentType: "text/csv"})
		if err != nil {
			return err
		}
		folder, err := run.Folder()
		if err != nil {
			return err
		}
		if st, err := os.Stat(folder); err != nil || filepath.Dir(folder) != l.folder || st.Mode().Perm() != 0o700 {
			return errors.New("it is not a private folder among the files")
		}
		if err := os.WriteFile(filepath.Join(folder, "unsorted"), make([]byte, args.B), 0o600); err != nil {
			return err
		}
		if _, err := out.Write(make([]byte, 300_000)); err != nil || args.A == 0 {
			return err
		}
		return errBroken
	})
	l.run()
	for _, tt := range []struct {
		name string
		args sum
		err  string
	}{
		{name: "a run that goes well", args: sum{B: 10}},
		{name: "a run that fails", args: sum{A: 1}, err: "broken"},
		{name: "what is temporary takes the room", args: sum{B: 900_000}, err: "larger than 1 MiB"},
	} {
		got := l.await(must(task.Launch(as(t, jane), l.Queue, "sum", tt.args))(t), func(t store.Task) bool { return !t.Status.Unready() })
		if !strings.Contains(got.Err, tt.err) || (got.Status == store.TaskSuccess) != (tt.err == "") {
			t.Errorf("%s: got %s: %s", tt.name, got.Status, got.Err)
		}
	}
	if names := l.files(); len(names) != 1 || strings.Contains(names[0], ".") {
		t.Errorf("left: %v", names)
	}
}

func TestTheFolderOfAKilledRunIsSwept(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	stray, others := l.folder+"/rollcall-ABCDEFGHIJKLMNOPQRSTUVWXYZ.work", l.folder+"/other.work"
	for _, folder := range []string{stray, others} {
		if err := os.MkdirAll(folder+"/inner", 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := task.Tend(l.Queue, t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stray); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stray folder: %v", err)
	}
	if _, err := os.Stat(others); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
}

func TestARunThatIsToStopWritesNoMore(t *testing.T) {
	t.Parallel()
	l := newLauncher(t, migrated(t), task.Options{})
	wrote := make(chan error, 1)
	task.RegisterLaunched(l.Queue, func(ctx context.Context, _ sum, run *task.Run) error {
		run.Progress(1, 1)
		out, err := run.Create(ctx, task.File{Name: "some.csv", ContentType: "text/csv"})
		if err != nil {
			return err
		}
		<-ctx.Done()
		_, err = out.Write(make([]byte, 1<<20)) // it does not look
		wrote <- err
		return err
	})
	l.run()
	id := must(task.Launch(as(t, jane), l.Queue, "sum", sum{}))(t)
	l.await(id, begun)
	must(l.Revoke(as(t, jane), id))(t)
	if err := <-wrote; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
