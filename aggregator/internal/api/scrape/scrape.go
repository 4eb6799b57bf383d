// SPDX-License-Identifier: Apache-2.0

// Package scrape is where Prometheus reads the metrics of the fleet, at the outside contract's addresses below /metrics/.
// It refuses to count: that is package metrics's.
package scrape

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
)

// Description holds the part of the OpenAPI document that describes the routes.
//
//go:embed openapi
var Description embed.FS

// Options are what the doors need.
type Options struct {
	Fleet   *metrics.Fleet
	Enabled bool // otherwise the fleet's metrics are not there
	Scraper func(*http.Request) bool
	Auth    *api.Authenticator
	Log     *slog.Logger
}

// API serves the routes. It is safe for concurrent use.
type API struct {
	options Options
	door    *api.Door
}

// New returns the API; it serves nothing until it is mounted.
func New(o Options) *API {
	return &API{options: o, door: &api.Door{
		Auth: o.Auth, Schemes: []auth.Scheme{auth.BearerScheme, auth.TokenScheme}, Explain: explain, Write: write, Log: o.Log,
	}}
}

// Routes is the table, for what compares it with its description.
func (a *API) Routes() []api.Route {
	fleet := a.options.Fleet
	return []api.Route{
		a.route("GET /metrics/", fleet.Tasks),
		a.route("GET /metrics/inventory/", fleet.Inventory),
		a.route("GET /metrics/compliance_checks/", fleet.Compliance),
	}
}

// Mount adds the routes to the mux. The metrics of tasks are always there.
func (a *API) Mount(mux *http.ServeMux) {
	routes := a.Routes()
	tasks := http.NewServeMux() // without its slash the path is that of the aggregator's own metrics
	a.door.Mount(tasks, routes[:1])
	mux.Handle("/metrics/{$}", tasks)
	if a.options.Enabled {
		a.door.Mount(mux, routes[1:])
	}
	mux.HandleFunc("/metrics/", api.NotFound)
}

func (a *API) route(pattern string, read func(context.Context) ([]byte, error)) api.Route {
	return api.Route{
		Pattern: pattern, Needs: api.Needs(auth.ReadInventory), Reach: api.Fleet, Admits: a.options.Scraper,
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			body, err := read(r.Context())
			if err != nil {
				return err
			}
			return answer(w, r, body)
		},
	}
}

// explain gives errors their status.
func explain(err error) *api.Problem {
	if errors.Is(err, index.ErrBuilding) {
		return api.Refuse(http.StatusServiceUnavailable, "The fleet is being counted; try again in a moment.")
	}
	return nil
}

// write sends a problem in the words of the contract, which says nothing to whoever may not come in.
func write(w http.ResponseWriter, _ *http.Request, p *api.Problem) {
	w.Header().Del("WWW-Authenticate")
	if p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	body := bytes.NewBufferString(p.Detail + "\n")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(p.Status)
	_, _ = body.WriteTo(w) // a client that is gone fails by itself
}

// Scraper returns what tells whether a request shows the token of Prometheus; "" is nobody's.
func Scraper(token string) func(*http.Request) bool {
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request) bool {
		shown, err := auth.FromHeader(r.Header.Get("Authorization"), auth.BearerScheme)
		if err != nil || token == "" {
			return false
		}
		got := sha256.Sum256([]byte(shown))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
}
