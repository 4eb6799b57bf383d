// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// parts are what runs.
type parts struct {
	front    *server.Server
	agents   *ingest.Service
	queue    *task.Queue
	fleet    *index.Index
	notifier *notify.Notifier
	forget   func() // drops what they keep of the database, for when another one is behind its address
}

// wire joins the parts.
func (p *program) wire(ctx context.Context, c *config.Serve, s *store.Store, dsn string, listeners server.Listeners) (parts, error) {
	token, err := metricsToken(c)
	if err != nil {
		return parts{}, err
	}
	numbers := metrics.New(s, version, p.log)
	queue, err := p.tasks(ctx, c, dsn, numbers.Registerer())
	if err != nil {
		return parts{}, err
	}
	fleet := index.New(s, index.Options{Registerer: numbers.Registerer(), Log: p.log})
	numbers.CountFrom(fleet)
	committer := commit.New(s, p.log)
	committer.Measure(numbers.Registerer())
	events := feed.New(s, feed.Options{
		WithoutGroups: !c.EventSerialization.Groups(), WithoutPrincipalUser: !c.EventSerialization.PrincipalUser(), Log: p.log,
	})
	notifier := notify.New(s, events, notify.Options{Sinks: c.Sinks, Probes: c.ProbeDelivery.Sink(), Registerer: numbers.Registerer(), Log: p.log})
	agents := ingest.New(s, committer, ingest.Options{
		Interval: c.CheckinInterval, GRPCAdvertise: advertised(c, listeners), TrustedProxies: c.TrustedProxies,
		Registerer: numbers.Registerer(),
	}, p.log)

	mux := http.NewServeMux()
	mux.Handle(agents.Handler())
	doors, err := server.NewDoors(server.DoorOptions{
		Store: s, Index: fleet, Committer: committer, Queue: queue, Feed: events, Sinks: c.Sinks, Metrics: numbers.Handler(), Ready: server.Ready(s),
		FleetMetrics: metrics.FleetOptions{Config: c.MetricsOptions, Zentral: c.MetricsNames == "zentral", MaxSeries: c.MetricsMaxSeries},
		ServeFleet:   c.Metrics, MetricsToken: token,
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
		Mux: mux, OnShutdown: doors.Stop, Register: agents.RegisterGRPC, GRPCOptions: agents.ServerOptions(),
		Metrics: numbers.Registerer(), Log: p.log,
	})
	forget := func() { committer.Forget(); agents.Forget(); fleet.Forget() }
	return parts{front: front, agents: agents, queue: queue, fleet: fleet, notifier: notifier, forget: forget}, err
}

// minTokenBytes is what a secret needs that nobody shall guess.
const minTokenBytes = 16

// metricsToken reads what Prometheus shows; "" when nothing is configured.
func metricsToken(c *config.Serve) (string, error) {
	if c.MetricsBearerTokenFile == "" {
		return "", nil
	}
	raw, err := os.ReadFile(c.MetricsBearerTokenFile)
	if err != nil {
		return "", fmt.Errorf("bearer token of the metrics: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if len(token) < minTokenBytes {
		return "", fmt.Errorf("bearer token of the metrics: %s has fewer than %d characters", c.MetricsBearerTokenFile, minTokenBytes)
	}
	return token, nil
}
