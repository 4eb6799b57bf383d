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
	v1 "github.com/rollcall-inventory/rollcall/aggregator/internal/api/v1"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// DoorOptions are what the REST contracts need between them.
type DoorOptions struct {
	Store     *store.Store
	Index     *index.Index // nil: see v1.Options
	Committer *commit.Committer
	Queue     *task.Queue                 // does not run yet; nil: there is no background work
	Metrics   http.Handler                // answers GET /metrics
	Ready     func(context.Context) error // why the aggregator cannot work; nil: it can
	Log       *slog.Logger

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
}

// NewDoors wires the contracts. The error is that of a description that does not fit the others.
func NewDoors(o DoorOptions) (*Doors, error) {
	description, err := api.Describe(v1.Description, inventory.Description, deployment.Description)
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	if o.Queue != nil {
		export.RegisterJob(o.Queue, o.Store)
		task.RegisterCleanup(o.Queue)
	}
	who := api.NewAuthenticator(o.Store)
	own := v1.New(v1.Options{
		Store: o.Store, Index: o.Index, Committer: o.Committer, Queue: o.Queue, Auth: who, Metrics: o.Metrics, Ready: o.Ready, Log: o.Log,
		Description: description, OnConfiguration: o.OnConfiguration,
		Origin: func(r *http.Request) netip.Addr { return ingest.Origin(r, o.TrustedProxies) },
	})
	zentral := inventory.New(inventory.Options{
		Store: o.Store, Committer: o.Committer, Queue: o.Queue, Auth: who, Log: o.Log, SnapshotRetentionDays: o.SnapshotRetentionDays,
	})
	agents := deployment.New(deployment.Options{
		Store: o.Store, Auth: who, Log: o.Log, PublicURL: o.PublicURL, TrustedProxies: o.TrustedProxies, AgentPackages: o.AgentPackages,
	})
	d := &Doors{Description: description}
	for _, contract := range []interface {
		Routes() []api.Route
		Mount(*http.ServeMux)
	}{own, zentral, agents} {
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
	for _, path := range []string{"/metrics", "/-/"} {
		mux.Handle(path, routes)
	}
}
