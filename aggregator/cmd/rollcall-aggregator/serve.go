// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// startPartitions is for how many weeks the change log needs room before the aggregator is ready; a task makes more.
	startPartitions = 2
	// epochInterval is how soon a database that was restored, or failed over, under the running program is noticed.
	epochInterval = 5 * time.Second
	// gcPercent is how much garbage may pile up on what is in use. Large pushes come in bursts, and what they leave behind
	// counts as the aggregator's memory; the usual 100 would double it.
	gcPercent = 50
)

// serve opens the database and runs the aggregator until ctx ends.
func (p *program) serve(ctx context.Context, c *config.Serve) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	dsn, cluster, err := p.openDatabase(ctx, &c.Database, postgres.Start)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDatabase(ctx, cluster)) }()
	if err := p.migrateAll(ctx, dsn); err != nil {
		return err
	}
	pool, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	s := store.New(pool)
	defer s.Close()
	closeReplica, err := p.useReplica(ctx, c, s)
	if err != nil {
		return err
	}
	defer closeReplica()
	if err := p.ensurePartitions(ctx, s); err != nil {
		return err
	}
	epoch, err := s.Epoch(ctx)
	if err != nil {
		return err
	}
	p.log.Info("database open", "epoch", epoch.ID, "new_epoch", epoch.New)

	listeners, err := server.Listen(ctx, c.Listen, c.GRPCListen)
	if err != nil {
		return err
	}
	wired, err := p.wire(ctx, c, s, dsn, listeners)
	if err != nil {
		return err
	}
	defer wired.queue.Close()
	p.announce(c, listeners)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return wired.front.Run(ctx) })
	group.Go(func() error { return wired.agents.Run(ctx) })
	group.Go(func() error { return wired.fleet.Run(ctx) })
	group.Go(func() error { return s.WatchReplica(ctx) })
	group.Go(func() error { return wired.queue.Run(ctx) })
	group.Go(func() error { return wired.notifier.Run(ctx) })
	group.Go(func() error {
		return p.every(ctx, epochInterval, "compare the database epoch", func() error {
			now, err := s.Epoch(ctx)
			if err == nil && now.ID != epoch.ID {
				p.log.Warn("another database epoch: the database was restored or failed over", "epoch", now.ID)
				wired.forget()
				epoch = now
			}
			return err
		})
	})
	if cluster != nil {
		group.Go(func() error { return cluster.Run(ctx) })
	}
	return group.Wait()
}

// advertised is the native address that agents are told: the configured one, else the port on the host they came to.
func advertised(c *config.Serve, listeners server.Listeners) string {
	if c.GRPCAdvertise != "" {
		return c.GRPCAdvertise
	}
	if address, ok := listeners.GRPC.Addr().(*net.TCPAddr); ok {
		return ":" + strconv.Itoa(address.Port)
	}
	return ""
}

// announce prints where the aggregator is: beside standard output, when a sink writes events there.
func (p *program) announce(c *config.Serve, listeners server.Listeners) {
	scheme := "http"
	if c.TLS() {
		scheme = "https"
	}
	out := p.out
	if slices.ContainsFunc(c.Sinks, func(s config.Sink) bool { return s.Path == "-" }) {
		out = p.err
	}
	fmt.Fprintf(out, "Rollcall %s is at %s://%s, native gRPC for agents at %s. Ctrl-C stops it.\n",
		version, scheme, listeners.HTTP.Addr(), listeners.GRPC.Addr())
	p.log.Info("serving", "listen", listeners.HTTP.Addr().String(), "grpc_listen", listeners.GRPC.Addr().String(),
		"tls", c.TLS(), "version", version)
}

// every does a piece of upkeep at an interval until ctx ends. What fails is logged once, until it works again, and tried
// again at the next turn.
func (p *program) every(ctx context.Context, interval time.Duration, what string, do func() error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := do()
		if err != nil && !failing && ctx.Err() == nil {
			p.log.Error("upkeep", "what", what, "err", err)
		}
		failing = err != nil
	}
}
