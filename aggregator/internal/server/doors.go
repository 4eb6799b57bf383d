// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/klauspost/compress/gzhttp"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/deployment"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/inventory"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/scrape"
	v1 "github.com/rollcall-inventory/rollcall/aggregator/internal/api/v1"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// DoorOptions are what the REST contracts need between them.
type DoorOptions struct {
	Store     *store.Store
	Index     *index.Index // nil: see v1.Options
	Committer *commit.Committer
	Queue     *task.Queue                 // does not run yet; nil: there is no background work
	Feed      *feed.Feed                  // nil: one that tells everything
	Sinks     []config.Sink               // of the configuration: v1 says where they lead
	Metrics   http.Handler                // answers GET /metrics
	Ready     func(context.Context) error // why the aggregator cannot work; nil: it can
	Log       *slog.Logger

	// FleetMetrics say what is below /metrics/; ServeFleet, whether it is there. MetricsToken opens all metrics; "": none does.
	FleetMetrics metrics.FleetOptions
	ServeFleet   bool
	MetricsToken string

	SnapshotRetentionDays int // see inventory.Options
	// TrustedProxies are believed when they say for whom they forward a request.
	TrustedProxies []netip.Prefix
	// PublicURL and AgentPackages are deployment.Options.
	PublicURL, AgentPackages string

	// OnConfiguration is called after a collection configuration was changed; nil: nobody here delivers them.
	OnConfiguration func(context.Context) error
}

// Doors are the REST contracts, all of them.
type Doors struct {
	Routes      []api.Route // of every contract
	Description []byte      // the OpenAPI document of every route

	mount []func(*http.ServeMux)
	stop  func()
}

// Stop ends the answers that go on for ever, so that the server can stop too.
func (d *Doors) Stop() { d.stop() }

// NewDoors wires the contracts. The error is that of a description that does not fit the others.
func NewDoors(o DoorOptions) (*Doors, error) {
	description, err := api.Describe(v1.Description, inventory.Description, deployment.Description, scrape.Description)
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	if o.Queue != nil {
		export.RegisterJob(o.Queue, o.Store)
		task.RegisterCleanup(o.Queue)
		o.Committer.EvaluateIn(o.Queue)
	}
	origin := func(r *http.Request) netip.Addr { return ingest.Origin(r, o.TrustedProxies) }
	who, scraper := api.NewAuthenticator(o.Store), scrape.Scraper(o.MetricsToken)
	who.Origin = origin
	if o.Feed == nil {
		o.Feed = feed.New(o.Store, feed.Options{Log: o.Log})
	}
	own := v1.New(v1.Options{
		Feed: o.Feed, Sinks: o.Sinks, Store: o.Store, Index: o.Index, Committer: o.Committer, Queue: o.Queue, Auth: who, Metrics: o.Metrics, Scraper: scraper, Ready: o.Ready, Log: o.Log,
		Description: description, OnConfiguration: o.OnConfiguration,
		Origin: origin,
	})
	zentral := inventory.New(inventory.Options{
		Store: o.Store, Committer: o.Committer, Queue: o.Queue, Auth: who, Log: o.Log, SnapshotRetentionDays: o.SnapshotRetentionDays,
	})
	agents := deployment.New(deployment.Options{
		Store: o.Store, Auth: who, Log: o.Log, PublicURL: o.PublicURL, TrustedProxies: o.TrustedProxies, AgentPackages: o.AgentPackages,
	})
	fleet := scrape.New(scrape.Options{
		Fleet: metrics.NewFleet(o.Index, o.Store, o.FleetMetrics), Enabled: o.ServeFleet, Scraper: scraper, Auth: who, Log: o.Log,
	})
	d := &Doors{Description: description, stop: own.Stop}
	for _, contract := range []interface {
		Routes() []api.Route
		Mount(*http.ServeMux)
	}{own, zentral, agents, fleet} {
		d.Routes = append(d.Routes, contract.Routes()...)
		d.mount = append(d.mount, contract.Mount)
	}
	return d, nil
}

// Mount adds the contracts to the mux, and an answer for every other path below /api/. Answers there are compressed for
// clients that ask for it.
func (d *Doors) Mount(mux *http.ServeMux) {
	routes := http.NewServeMux() // it notes the pattern in the request, for the metrics
	for _, mount := range d.mount {
		mount(routes)
	}
	routes.HandleFunc("/api/", api.NotFound)
	mux.Handle("/api/", gzhttp.GzipHandler(routes))
	for _, path := range []string{"/metrics", "/metrics/", "/-/"} {
		mux.Handle(path, routes)
	}
}
