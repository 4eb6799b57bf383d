// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package postgres runs a private PostgreSQL cluster as a child process: it finds the machine's own binaries, creates
// the data folder, starts and stops the server, and hands out the connection string of a unix socket.
//
// It is for the first run and for small sites; the schema and the code are those of a real server. It refuses to
// listen on TCP, to run as root (it drops to the user postgres, else nobody), to share a folder between two
// aggregators, and to open a data folder of another major version. It never runs a query.
//
// The folder holds data/ (PGDATA), run/ (the socket), lock (held while somebody owns the cluster).
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// startLimit is how long a cluster may take to accept connections, crash recovery included.
const startLimit = 60 * time.Second

// pollInterval paces every wait for another process.
const pollInterval = 20 * time.Millisecond

// Cluster is a running private PostgreSQL cluster. It is safe for concurrent use.
type Cluster struct {
	folder  folder
	socket  string
	options options
	log     *slog.Logger
	lock    *os.File // nil: attached to a cluster that somebody else owns

	mu      sync.Mutex
	server  *server // the current child; nil when attached
	stopped bool
}

// Start creates the cluster in dir when there is none, starts it and waits until it accepts connections: at most
// 60 seconds, recovery after a crash included. A server that a killed aggregator left behind in dir is stopped first.
// The caller owns the cluster and must Stop it. Should this process die, Linux stops the server as well.
//
// The error wraps ErrInUse when another process owns dir, ErrNotInstalled when there are no PostgreSQL binaries.
func Start(ctx context.Context, dir string, log *slog.Logger, opts ...Option) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := newCluster(dir, log, opts)
	if err != nil {
		return nil, err
	}
	if err := c.own(ctx); err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL in %s: %w", c.folder.dir, err)
	}
	return c, nil
}

// Open connects to the cluster of dir when another process runs it; otherwise it starts the cluster like Start.
// Stop undoes exactly what Open did. It is for short commands that may run beside a serving aggregator.
func Open(ctx context.Context, dir string, log *slog.Logger, opts ...Option) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := newCluster(dir, log, opts)
	if err != nil {
		return nil, err
	}
	for {
		err = c.own(ctx)
		if !errors.Is(err, ErrInUse) {
			break
		}
		if socket, ok := c.folder.ready(c.options.standby); ok {
			c.socket = socket
			return c, nil
		}
		if pause(ctx) != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL in %s: %w", c.folder.dir, err)
	}
	return c, nil
}

func newCluster(dir string, log *slog.Logger, opts []Option) (*Cluster, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	c := &Cluster{folder: folder{dir: abs}, log: log}
	for _, opt := range opts {
		opt(&c.options)
	}
	return c, nil
}

// own takes the folder's lock and starts the server; on failure it holds nothing.
func (c *Cluster) own(ctx context.Context) (err error) {
	if err := c.folder.create(); err != nil {
		return err
	}
	if c.lock, err = c.folder.tryLock(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	bin, err := c.folder.prepare(ctx, c.options)
	if err != nil {
		return err
	}
	if err := c.folder.endOrphan(ctx, c.log); err != nil {
		return err
	}
	if c.socket, err = c.folder.socketDir(); err != nil {
		return err
	}
	c.server, err = c.launch(ctx, bin)
	return err
}

// DSN is the connection string, a URL over the unix socket. It stays the same when the cluster restarts.
func (c *Cluster) DSN() string {
	q := url.Values{"host": {c.socket}, "port": {port}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/postgres", RawQuery: q.Encode()}
	return u.String()
}

// PID is the process id of the server, or 0 when this process does not own it or it is not running.
func (c *Cluster) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil || c.server.ended() {
		return 0
	}
	return c.server.cmd.Process.Pid
}

// Run keeps the server running until ctx ends or Stop is called: a server that dies is logged and started again on
// the same socket. It gives up with an error when that fails. It does not stop the server: that is Stop, after every
// other part is done. On a cluster that another process owns it only waits for ctx.
func (c *Cluster) Run(ctx context.Context) error {
	for {
		c.mu.Lock()
		s, stopped := c.server, c.stopped
		c.mu.Unlock()
		if s == nil || stopped {
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.done:
		}
		if err := c.relaunch(ctx, s); err != nil {
			return err
		}
	}
}

// relaunch replaces the dead server s, unless Stop ended it.
func (c *Cluster) relaunch(ctx context.Context, s *server) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || ctx.Err() != nil {
		return nil
	}
	c.log.Error("embedded PostgreSQL ended by itself, starting it again", "err", s.err, "last_lines", s.log.tail())
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	bin, err := c.folder.prepare(ctx, c.options)
	if err != nil {
		return fmt.Errorf("restart embedded PostgreSQL: %w", err)
	}
	next, err := c.launch(ctx, bin)
	if err != nil {
		return fmt.Errorf("restart embedded PostgreSQL: %w", err)
	}
	c.server = next
	return nil
}

// Stop ends the server with a fast shutdown (open transactions are rolled back) and gives the folder free. When ctx
// ends first, the server is stopped the hard way, which costs a recovery at the next start and no data. On a cluster
// that another process owns it does nothing. Calling it again does nothing.
func (c *Cluster) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.server == nil {
		return nil
	}
	c.stopped = true
	err := c.server.stop(ctx)
	c.release()
	if err != nil {
		return fmt.Errorf("stop embedded PostgreSQL: %w", err)
	}
	return nil
}

// release gives the folder free and removes a socket folder that lies outside of it.
func (c *Cluster) release() {
	if c.socket != "" && filepath.Dir(c.socket) != c.folder.dir {
		_ = os.RemoveAll(c.socket) // a leftover is reused or removed by the next start
	}
	if c.lock != nil {
		_ = c.lock.Close() // closing gives the lock free whatever it returns
		c.lock = nil
	}
}

// pause waits one poll interval, or returns the error of ctx.
func pause(ctx context.Context) error {
	t := time.NewTimer(pollInterval)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
