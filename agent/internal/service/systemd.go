// SPDX-License-Identifier: Apache-2.0

// Package service is what a service manager wants of a daemon: systemd's notifications and watchdog, the control
// protocol of Windows, and a low priority everywhere. It refuses to know what the daemon does.
package service

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// Systemd speaks to the systemd that started the process. Without one its methods do nothing. It is safe for concurrent
// use.
//
// Source: sd_notify(3), sd_watchdog_enabled(3).
type Systemd struct {
	socket   string
	watchdog time.Duration // 0: systemd does not watch
	start    time.Time
	until    atomic.Int64 // nanoseconds after start that the last promise reaches
}

// NewSystemd reads what systemd told the process in its environment.
func NewSystemd(getenv func(string) string) *Systemd {
	s := &Systemd{socket: getenv("NOTIFY_SOCKET"), start: time.Now()}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return s // it watches another process
	}
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		s.watchdog = time.Duration(usec) * time.Microsecond
	}
	return s
}

// Supervised says that systemd waits for notifications, and so that its unit has settled priorities and limits.
func (s *Systemd) Supervised() bool { return s.socket != "" }

// Ready says that the daemon has started.
func (s *Systemd) Ready() error { return s.notify("READY=1") }

// Stopping says that the daemon has begun to end.
func (s *Systemd) Stopping() error { return s.notify("STOPPING=1") }

// Promise says that the daemon will be heard of again within d. While a promise holds, Watch tells systemd that all is
// well.
func (s *Systemd) Promise(d time.Duration) {
	s.until.Store(int64(time.Since(s.start) + d))
}

// Watch keeps the watchdog quiet until ctx ends or a promise is broken; then systemd ends the process and starts
// another. It returns at once where systemd does not watch.
func (s *Systemd) Watch(ctx context.Context) error {
	if s.socket == "" || s.watchdog == 0 {
		return nil
	}
	ticker := time.NewTicker(max(s.watchdog/2, time.Millisecond))
	defer ticker.Stop()
	for {
		if int64(time.Since(s.start)) > s.until.Load() {
			return errors.New("the daemon broke its promise: the watchdog is no longer told that it lives")
		}
		if err := s.notify("WATCHDOG=1"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// notify sends one datagram. An address that begins with @ is an abstract one; package net knows that.
func (s *Systemd) notify(state string) error {
	if s.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}
