// SPDX-License-Identifier: Apache-2.0

// Package deployment is what brings agents to machines: Zentral's endpoints for osquery's and Munki's configurations and
// enrolments, as its Terraform provider uses them, the artefacts of those enrolments, which install our agent, and the
// packages that they download. It refuses to hold rules or SQL, and to run anything.
package deployment

import (
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Description holds the parts of the OpenAPI document that describe the rows of routes.go.
//
//go:embed openapi
var Description embed.FS

// Options are what the API needs.
type Options struct {
	Store *store.Store
	Auth  *api.Authenticator
	Log   *slog.Logger

	PublicURL      string         // where agents and admins reach the aggregator; empty: where the request went to
	TrustedProxies []netip.Prefix // whose X-Forwarded-Proto is believed
	AgentPackages  string         // folder of the agent's packages; empty: none
}

// API serves the routes. It is safe for concurrent use.
type API struct {
	store    *store.Store
	public   address
	packages *catalogue
	door     *api.Door // of the outside contract
	own      *api.Door // of what is ours
	byToken  *http.ServeMux
}

// New returns the API; it serves nothing until it is mounted.
func New(o Options) *API {
	a := &API{
		store: o.Store, public: address{url: o.PublicURL, trusted: o.TrustedProxies}, packages: newCatalogue(o.AgentPackages),
		door: &api.Door{
			Auth: o.Auth, Schemes: []auth.Scheme{auth.TokenScheme}, Explain: explain, Write: drf.Write, WhoFirst: true, Log: o.Log,
		},
		own: &api.Door{
			Auth: o.Auth, Schemes: []auth.Scheme{auth.TokenScheme, auth.BearerScheme}, Explain: explain, Log: o.Log,
		},
		byToken: http.NewServeMux(),
	}
	a.own.Mount(a.byToken, a.tokenRoutes())
	return a
}

// Routes is the table, for what compares it with its description.
func (a *API) Routes() []api.Route { return append(a.routes(), a.ownRoutes()...) }

// Mount adds the routes to the mux, and an answer for every other path below theirs.
func (a *API) Mount(mux *http.ServeMux) {
	a.door.Mount(mux, a.routes())
	a.own.Mount(mux, a.ownRoutes())
	for _, path := range []string{"/api/osquery/", "/api/munki/"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			drf.Write(w, r, api.Refuse(http.StatusNotFound, "Not found."))
		})
	}
}

// explain is the one place that gives errors their status. nil stands for errors that are nobody's business outside.
func explain(err error) *api.Problem {
	if errors.Is(err, store.ErrNotFound) {
		return api.Refuse(http.StatusNotFound, "Not found.")
	}
	return nil
}
