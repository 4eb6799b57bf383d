// SPDX-License-Identifier: Apache-2.0

//go:build !unix

// Package postgres runs a private PostgreSQL cluster as a child process. On this operating system it refuses to:
// name a server with --database-url instead.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
)

// Cluster is a running private PostgreSQL cluster; there is none on this operating system.
type Cluster struct{}

// Start always fails on this operating system.
func Start(context.Context, string, *slog.Logger, ...Option) (*Cluster, error) {
	return nil, fmt.Errorf("embedded PostgreSQL is not available on %s, use --database-url: %w", runtime.GOOS, ErrNotInstalled)
}

// Open always fails on this operating system.
func Open(ctx context.Context, dir string, log *slog.Logger, opts ...Option) (*Cluster, error) {
	return Start(ctx, dir, log, opts...)
}

// DSN is empty.
func (c *Cluster) DSN() string { return "" }

// PID is 0.
func (c *Cluster) PID() int { return 0 }

// Run waits for ctx.
func (c *Cluster) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Stop does nothing.
func (c *Cluster) Stop(context.Context) error { return nil }
