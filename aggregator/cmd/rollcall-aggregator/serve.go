// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
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

// parts are what runs.
type parts struct {
	front  *server.Server
	agents *ingest.Service
	queue  *task.Queue
	fleet  *index.Index
	forget func() // drops what they keep of the database, for when another one is behind its address
}

// wire joins the parts.
func (p *program) wire(ctx context.Context, c *config.Serve, s *store.Store, dsn string, listeners server.Listeners) (parts, error) {
	numbers := metrics.New(s, version, p.log)
	queue, err := p.tasks(ctx, c, dsn, numbers.Registerer())
	if err != nil {
		return parts{}, err
	}
	fleet := index.New(s, index.Options{Registerer: numbers.Registerer(), Log: p.log})
	numbers.CountFrom(fleet)
	committer := commit.New(s, p.log)
	agents := ingest.New(s, committer, ingest.Options{
		Interval: c.CheckinInterval, GRPCAdvertise: advertised(c, listeners), TrustedProxies: c.TrustedProxies,
		Registerer: numbers.Registerer(),
	}, p.log)

	mux := http.NewServeMux()
	mux.Handle(agents.Handler())
	doors, err := server.NewDoors(server.DoorOptions{
		Store: s, Index: fleet, Committer: committer, Queue: queue, Metrics: numbers.Handler(), Ready: server.Ready(s),
		Log: p.log, OnConfiguration: agents.Reconfigure, SnapshotRetentionDays: c.SnapshotRetentionDays,
		TrustedProxies: c.TrustedProxies, PublicURL: c.PublicURL, AgentPackages: c.AgentPackages,
	})
	if err != nil {
		return parts{}, err
	}
	doors.Mount(mux)
	mux.HandleFunc("/", api.NotFound)

	front, err := server.New(server.Options{
		Listeners: listeners, CertFile: c.TLSCert, KeyFile: c.TLSKey, TicketKeyFile: c.TLSTicketKeyFile,
		Mux: mux, Register: agents.RegisterGRPC, GRPCOptions: agents.ServerOptions(),
		Metrics: numbers.Registerer(), Log: p.log,
	})
	forget := func() { committer.Forget(); agents.Forget(); fleet.Forget() }
	return parts{front: front, agents: agents, queue: queue, fleet: fleet, forget: forget}, err
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

// announce prints where the aggregator is.
func (p *program) announce(c *config.Serve, listeners server.Listeners) {
	scheme := "http"
	if c.TLS() {
		scheme = "https"
	}
	fmt.Fprintf(p.out, "Rollcall %s is at %s://%s, native gRPC for agents at %s. Ctrl-C stops it.\n",
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
