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
	v1 "github.com/rollcall-inventory/rollcall/aggregator/internal/api/v1"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// partitionsAhead is for how many weeks the change log gets room.
	partitionsAhead = 8
	// keepInterval is how often that is looked after.
	keepInterval = time.Hour
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
	if err := store.Migrate(ctx, dsn, p.log); err != nil {
		return err
	}
	pool, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	s := store.New(pool)
	defer s.Close()
	if err := s.EnsurePartitions(ctx, partitionsAhead); err != nil {
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
	front, forget, err := p.wire(c, s, dsn, listeners)
	if err != nil {
		return err
	}
	p.announce(c, listeners)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return front.Run(ctx) })
	group.Go(func() error {
		return p.every(ctx, keepInterval, "make room in the change log", func() error { return s.EnsurePartitions(ctx, partitionsAhead) })
	})
	group.Go(func() error {
		return p.every(ctx, epochInterval, "compare the database epoch", func() error {
			now, err := s.Epoch(ctx)
			if err == nil && now.ID != epoch.ID {
				p.log.Warn("another database epoch: the database was restored or failed over", "epoch", now.ID)
				forget()
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

// wire joins the parts. forget drops what they keep of the database, for when another one is behind its address.
func (p *program) wire(c *config.Serve, s *store.Store, dsn string, listeners server.Listeners) (front *server.Server, forget func(), err error) {
	numbers := metrics.New(s, version, p.log)
	committer := commit.New(s, p.log)
	agents := ingest.New(s, committer, ingest.Options{
		Interval: c.CheckinInterval, GRPCAdvertise: advertised(c, listeners), Registerer: numbers.Registerer(),
	}, p.log)

	mux := http.NewServeMux()
	mux.Handle(agents.Handler())
	v1.New(v1.Options{
		Store: s, Committer: committer, Auth: api.NewAuthenticator(s), Metrics: numbers.Handler(),
		Ready: server.Ready(s, dsn), Log: p.log,
	}).Mount(mux)
	mux.HandleFunc("/", api.NotFound)

	front, err = server.New(server.Options{
		Listeners: listeners, CertFile: c.TLSCert, KeyFile: c.TLSKey,
		Mux: mux, Register: agents.RegisterGRPC, GRPCOptions: agents.ServerOptions(),
		Metrics: numbers.Registerer(), Log: p.log,
	})
	return front, func() { committer.Forget(); agents.Forget() }, err
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
