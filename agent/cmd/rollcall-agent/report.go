// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/osquery"
	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	"github.com/rollcall-inventory/rollcall/agent/internal/service"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// runVerb reports again and again, or once. SIGHUP begins a cycle at once.
func runVerb(ctx context.Context, flags config.Run, t terminal) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before the lock: whoever holds it may be woken
	defer signal.Stop(hup)
	dir, err := state.Open(flags.StateDir)
	if err != nil {
		return err
	}
	err = dir.Lock()
	if errors.Is(err, state.ErrLocked) && flags.Once {
		return onceThroughOther(ctx, dir, t, err)
	}
	if err != nil {
		return err
	}
	defer dir.Close() // at the latest the lock ends with the process
	syncer, err := open(dir, flags.Connection, t)
	if err != nil {
		return err
	}
	defer syncer.Client.Close()
	if syncer.Identity == nil {
		return identity.ErrNotEnrolled
	}
	agent := &schedule.Agent{
		Host:     host.At(flags.Root),
		Syncer:   syncer,
		Dir:      dir,
		Disabled: flags.DisabledCollectors,
		Interval: flags.Interval,
		Version:  version,
		Log:      t.log,
		Osquery:  osqueryOf(flags),
	}
	if flags.Once {
		result, err := agent.Once(ctx)
		return errors.Join(printResult(t.out, result), err)
	}
	if err := dir.Announce(); err != nil {
		return err
	}
	settle(t)
	systemd := service.NewSystemd(os.Getenv)
	agent.Promise = systemd.Promise
	if err := systemd.Ready(); err != nil {
		t.log.Warn("systemd was not told that the agent runs", "err", err)
	}
	systemd.Promise(startLimit)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		if err := systemd.Watch(ctx); err != nil {
			t.log.Error("watchdog", "err", err)
		}
	}()
	t.log.Info("agent started", "version", version, "serial_number", syncer.Identity.SerialNumber, "state_dir", dir.Path())
	agent.Run(ctx, wakeUps(ctx, hup))
	_ = systemd.Stopping() // it will see the process end
	<-watching
	t.log.Info("agent stopped")
	return nil
}

// osqueryOf returns whom to ask beside the collectors, nil for nobody.
func osqueryOf(flags config.Run) *osquery.Reader {
	if flags.Osquery.Osquery == "off" {
		return nil
	}
	socket := flags.OsquerySocket
	if socket == "" {
		socket = osquery.DefaultSocket
		if flags.Root != "" {
			socket = filepath.Join(flags.Root, socket)
		}
	}
	return &osquery.Reader{Socket: socket, Expected: flags.Osquery.Osquery == "on"}
}

const (
	// startLimit is within what a daemon that has started begins its first cycle.
	startLimit = time.Minute
	// memoryLimit is what the garbage collector tries to stay below; GOMEMLIMIT chooses another.
	memoryLimit = 64 << 20
	// gcPercent is how much garbage may lie about, in hundredths of what lives; GOGC chooses another. Collecting takes
	// milliseconds, and what it leaves on the heap stays until the next time.
	gcPercent = 40
)

// settle makes the daemon give way to everybody else. The unit of systemd has settled the priorities already, and
// forbids to change them.
func settle(t terminal) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if service.NewSystemd(os.Getenv).Supervised() {
		return
	}
	if err := service.LowerPriority(); err != nil {
		t.log.Debug("the priority could not be lowered", "err", err)
	}
}

// wakeUps turns signals into wake-ups until ctx ends; signals that come while one waits count once.
func wakeUps(ctx context.Context, signals <-chan os.Signal) <-chan struct{} {
	wake := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case <-ctx.Done():
				return
			case wake <- struct{}{}:
			}
		}
	}()
	return wake
}

const (
	// otherWait bounds how long `run --once` waits for the agent that it woke.
	otherWait = 2 * time.Minute
	// otherPoll is how often it looks.
	otherPoll = 50 * time.Millisecond
)

// onceThroughOther wakes the agent that holds the state folder and prints what its next cycle came to: two agents on
// one credential would look like two machines.
func onceThroughOther(ctx context.Context, dir *state.Dir, t terminal, locked error) error {
	pid, err := dir.Holder()
	if err != nil {
		return locked
	}
	asked := time.Now()
	other, err := os.FindProcess(pid)
	if err == nil {
		err = other.Signal(syscall.SIGHUP)
	}
	if err != nil {
		return fmt.Errorf("%w, process %d, which cannot be woken: %w", locked, pid, err)
	}
	t.log.Debug("woke the running agent", "pid", pid)
	ctx, cancel := context.WithTimeout(ctx, otherWait)
	defer cancel()
	ticker := time.NewTicker(otherPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for process %d: %w", pid, ctx.Err())
		case <-ticker.C:
		}
		status, err := schedule.LoadStatus(dir)
		if err != nil {
			return err
		}
		if run := status.LastRun; run != nil && run.StartedAt.After(asked) {
			return errors.Join(printResult(t.out, *run), errorOf(*run))
		}
	}
}

// errorOf returns the error that a result tells of.
func errorOf(r schedule.Result) error {
	if r.Outcome != schedule.Failed {
		return nil
	}
	err := errors.New(r.Error)
	switch r.ErrorKind {
	case schedule.Unreachable:
		return fmt.Errorf("%w: %w", upload.ErrUnreachable, err)
	case schedule.NotAuthorised:
		return fmt.Errorf("%w: %w", upload.ErrNotAuthorised, err)
	default:
		return err
	}
}

// printResult writes one JSON line.
func printResult(w io.Writer, result schedule.Result) error {
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}
