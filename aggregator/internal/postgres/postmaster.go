// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// postmaster is what a server writes into postmaster.pid.
//
// Source: "postmaster.pid" in src/include/utils/pidfile.h of PostgreSQL: line 1 the process id, 5 the folder of the
// socket, 8 the status.
type postmaster struct {
	pid    int
	socket string
	ready  bool // takes writers
	reader bool // takes readers: a replica, or a cluster in recovery
}

// readPostmaster returns false when there is no such file or it is not complete yet.
func (f folder) readPostmaster() (postmaster, bool) {
	raw, err := os.ReadFile(filepath.Join(f.data(), "postmaster.pid"))
	if err != nil {
		return postmaster{}, false
	}
	lines := strings.Split(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return postmaster{}, false
	}
	p := postmaster{pid: pid}
	if len(lines) >= 8 {
		p.socket = lines[4]
		status := strings.TrimSpace(lines[7])
		p.ready, p.reader = status == "ready", status == "standby"
	}
	return p, true
}

// ready returns the folder of the socket of the running server once it accepts connections; of a standby once it accepts
// readers.
func (f folder) ready(standby bool) (string, bool) {
	p, ok := f.readPostmaster()
	if !ok || !p.ready && (!standby || !p.reader) || !alive(p.pid) {
		return "", false
	}
	conn, err := net.Dial("unix", filepath.Join(p.socket, ".s.PGSQL."+port))
	if err != nil {
		return "", false
	}
	_ = conn.Close() // it carried nothing
	return p.socket, true
}

// stalePID is the process id in a postmaster.pid that a killed server left behind, or 0.
func (f folder) stalePID() int {
	p, ok := f.readPostmaster()
	if !ok {
		return 0
	}
	return p.pid
}

// endOrphan stops a server that runs in the folder although nobody owns it: its aggregator was killed, and the server
// is about to end or was never told. The caller holds the lock.
func (f folder) endOrphan(ctx context.Context, log *slog.Logger) error {
	told := false
	for {
		p, ok := f.readPostmaster()
		if !ok || !alive(p.pid) || !servesFolder(p.pid, f.data()) {
			return nil
		}
		if !told {
			log.Warn("stopping the PostgreSQL that an earlier aggregator left behind", "pid", p.pid)
			if err := syscall.Kill(p.pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop the PostgreSQL left behind (process %d): %w", p.pid, err)
			}
			told = true
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for the PostgreSQL left behind (process %d) to end: %w", p.pid, err)
		}
	}
}

// alive reports whether a process of that id exists, whoever owns it.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// tryLock takes the folder's lock without waiting. The lock ends with this process, however it ends.
func (f folder) tryLock() (*os.File, error) {
	file, err := os.OpenFile(f.lockPath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(f.lockPath()) // only for the message
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (process %s)", ErrInUse, strings.TrimSpace(string(owner)))
		}
		return nil, fmt.Errorf("lock %s: %w", f.lockPath(), err)
	}
	if err := file.Truncate(0); err != nil {
		_ = file.Close()
		return nil, err
	}
	if _, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
