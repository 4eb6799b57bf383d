// SPDX-License-Identifier: Apache-2.0

//go:build unix

package service

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// manager is systemd's end of the socket.
func manager(t *testing.T) (*net.UnixConn, map[string]string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, map[string]string{"NOTIFY_SOCKET": path}
}

func heard(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestSystemdHearsOfStartAndEnd(t *testing.T) {
	t.Parallel()
	conn, env := manager(t)
	s := NewSystemd(func(name string) string { return env[name] })
	if err := s.Ready(); err != nil {
		t.Fatal(err)
	}
	if got := heard(t, conn); got != "READY=1" {
		t.Errorf("got %q", got)
	}
	if err := s.Stopping(); err != nil {
		t.Fatal(err)
	}
	if got := heard(t, conn); got != "STOPPING=1" {
		t.Errorf("got %q", got)
	}
}

func TestTheWatchdogHearsNothingOnceAPromiseIsBroken(t *testing.T) {
	t.Parallel()
	conn, env := manager(t)
	env["WATCHDOG_USEC"], env["WATCHDOG_PID"] = "2000", strconv.Itoa(os.Getpid())
	s := NewSystemd(func(name string) string { return env[name] })
	s.Promise(time.Hour)
	done := make(chan error, 1)
	go func() { done <- s.Watch(t.Context()) }()
	for range 3 {
		if got := heard(t, conn); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	s.Promise(-time.Second)
	if err := <-done; err == nil {
		t.Error("got nil, want that the promise was broken")
	}
}

func TestWithoutSystemdNothingHappens(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"no systemd":      {},
		"another process": {"NOTIFY_SOCKET": "/nonexistent", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
		"no watchdog":     {"NOTIFY_SOCKET": "/nonexistent", "WATCHDOG_USEC": "x"},
	}
	for name, env := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewSystemd(func(name string) string { return env[name] })
			if err := s.Watch(t.Context()); err != nil {
				t.Errorf("watch: %v", err)
			}
			if !s.Supervised() && s.Ready() != nil {
				t.Error("ready: got an error")
			}
		})
	}
}
