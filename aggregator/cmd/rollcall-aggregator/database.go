// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// stopLimit is how long the embedded PostgreSQL may take to stop in order.
const stopLimit = 30 * time.Second

// openFunc opens an embedded cluster: postgres.Start owns it, postgres.Open also attaches to somebody else's.
type openFunc func(context.Context, string, *slog.Logger, ...postgres.Option) (*postgres.Cluster, error)

// openDatabase returns the address of the database, and the cluster when it is an embedded one.
func (p *program) openDatabase(ctx context.Context, d *config.Database, open openFunc) (dsn string, cluster *postgres.Cluster, err error) {
	if d.EmbeddedPostgres == "" {
		return d.DatabaseURL, nil, nil
	}
	cluster, err = open(ctx, d.EmbeddedPostgres, p.log, postgres.WithBinaries(d.PostgresBin))
	if err != nil {
		return "", nil, err
	}
	return cluster.DSN(), cluster, nil
}

// closeDatabase stops the cluster that openDatabase started, if it did.
func closeDatabase(ctx context.Context, cluster *postgres.Cluster) error {
	if cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return cluster.Stop(ctx)
}

// useReplica makes exports read from the replica, where one is configured.
func (p *program) useReplica(ctx context.Context, c *config.Serve, s *store.Store) (closeReplica func(), err error) {
	if c.ReplicaURL == "" {
		return func() {}, nil
	}
	replica, err := store.OpenReplica(ctx, c.ReplicaURL, c.ReplicaMaxLag, p.log)
	if err != nil {
		return nil, err
	}
	s.UseReplica(replica)
	return replica.Close, nil
}

// ensurePartitions makes room in the change log. A week of the past that cannot be attached is no reason not to start.
func (p *program) ensurePartitions(ctx context.Context, s *store.Store) error {
	err := s.EnsurePartitions(ctx, startPartitions)
	if err == nil {
		return nil
	}
	if ahead, unknown := s.PartitionsAhead(ctx); unknown != nil || ahead < startPartitions {
		return err
	}
	p.log.Error("a week of the change log is missing", "err", err)
	return nil
}

// withStore runs a short command on a migrated database, beside a running aggregator or without one.
func (p *program) withStore(ctx context.Context, d *config.Database, do func(*store.Store) error) error {
	return p.withDatabase(ctx, d, func(dsn string) error {
		if err := store.Migrate(ctx, dsn, p.log); err != nil {
			return err
		}
		return onStore(ctx, dsn, do)
	})
}

// withDatabase runs a short command on the database as it is.
func (p *program) withDatabase(ctx context.Context, d *config.Database, do func(dsn string) error) (err error) {
	dsn, cluster, err := p.openDatabase(ctx, d, postgres.Open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDatabase(ctx, cluster)) }()
	return do(dsn)
}

func onStore(ctx context.Context, dsn string, do func(*store.Store) error) error {
	pool, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	s := store.New(pool)
	defer s.Close()
	return do(s)
}
