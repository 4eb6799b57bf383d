// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// killLimit is how long an immediate shutdown may take before the process is killed.
const killLimit = 5 * time.Second

// server is one child process.
type server struct {
	cmd  *exec.Cmd
	log  *serverLog
	done chan struct{} // closed when the process is gone
	err  error         // why it ended; valid after done
}

// launch starts the server and waits until it accepts connections. Orphaned backends of a killed server hold its
// shared memory for a moment: that refusal is tried again until ctx ends.
func (c *Cluster) launch(ctx context.Context, bin binaries) (*server, error) {
	for {
		s, err := c.spawn(ctx, bin)
		if err != nil {
			return nil, err
		}
		err = c.awaitReady(ctx, s)
		if err == nil {
			return s, nil
		}
		if !s.log.contains("is still in use") || pause(ctx) != nil {
			return nil, err
		}
	}
}

// spawn starts the process on a thread that lives as long as the process does: the kernel sends the death signal when
// the thread that started the child ends, not when its process does.
func (c *Cluster) spawn(ctx context.Context, bin binaries) (*server, error) {
	who, err := serverUser()
	if err != nil {
		return nil, err
	}
	if err := who.reaches(ctx, c.folder.data()); err != nil {
		return nil, err
	}
	args := []string{"-D", c.folder.data(), "-k", c.socket}
	for _, s := range c.settings(ctx, who, bin) {
		args = append(args, "-c", s.name+"="+s.value)
	}
	// The server outlives ctx, which only bounds the start.
	cmd := who.command(context.WithoutCancel(ctx), bin.path("postgres"), c.folder.data(), args...)
	endWithParent(cmd.SysProcAttr)
	if pid := c.folder.stalePID(); pid != 0 {
		// A process id that was given to somebody else must not keep the server from starting; the check of the
		// shared memory behind it stays. pg_ctl uses the same variable for its own ancestors.
		cmd.Env = append(cmd.Env, "PG_GRANDPARENT_PID="+strconv.Itoa(pid))
	}
	s := &server{cmd: cmd, log: &serverLog{log: c.log}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = s.log, s.log, killLimit
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine, after the child
		err := cmd.Start()
		started <- err
		if err == nil {
			s.err = cmd.Wait()
			close(s.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return s, nil
}

// awaitReady waits until s accepts connections. On failure s is gone.
func (c *Cluster) awaitReady(ctx context.Context, s *server) error {
	for {
		if p, ok := c.folder.readPostmaster(); ok && p.pid == s.cmd.Process.Pid {
			if _, ok := c.folder.ready(c.options.standby); ok {
				return nil
			}
		}
		if s.ended() {
			return fmt.Errorf("PostgreSQL ended while starting (%w): %s", errOrExit(s.err), s.log.tail())
		}
		if err := pause(ctx); err != nil {
			_ = s.stop(ctx) // ctx is over: this is the hard way, and the start's error matters more
			return fmt.Errorf("wait for PostgreSQL to start: %w: %s", err, s.log.tail())
		}
	}
}

func errOrExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func (s *server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// stop ends the process: fast shutdown, then immediate shutdown when ctx ends, then SIGKILL.
func (s *server) stop(ctx context.Context) error {
	if s.ended() {
		return nil
	}
	s.signal(syscall.SIGINT)
	select {
	case <-s.done:
		return s.exitError()
	case <-ctx.Done():
	}
	s.signal(syscall.SIGQUIT)
	timer := time.NewTimer(killLimit)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		s.signal(syscall.SIGKILL)
		<-s.done
	}
	return fmt.Errorf("not stopped in order: %w", ctx.Err())
}

// signal ignores the error: the process may be gone already, which is what every caller wants.
func (s *server) signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

func (s *server) exitError() error {
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", s.err, s.log.tail())
}

// settings are those of a small private server on a machine that does other things too.
func (c *Cluster) settings(ctx context.Context, who account, bin binaries) []setting {
	compression := "on"
	probe := who.command(ctx, bin.path("postgres"), c.folder.data(), "-D", c.folder.data(), "-C", "wal_compression", "-c", "wal_compression=lz4")
	if probe.Run() == nil {
		compression = "lz4"
	}
	return append([]setting{
		{"listen_addresses", ""},
		{"port", port},
		{"unix_socket_permissions", "0700"},
		{"cluster_name", "rollcall"},
		{"max_connections", "50"},
		{"shared_buffers", "128MB"},
		{"wal_compression", compression},
		{"jit", "off"},
		{"timezone", "UTC"},
		{"log_timezone", "UTC"},
		{"log_checkpoints", "off"},
		{"log_line_prefix", ""},
	}, c.options.settings...)
}
