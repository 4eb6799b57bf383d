// SPDX-License-Identifier: Apache-2.0

// Package v1 is Rollcall's own REST API under /api/v1/: one file per resource, and routes.go with the table of them
// all. It decodes, calls one thing, and encodes. It refuses to hold rules or SQL.
package v1

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// Options are what the API needs.
type Options struct {
	Store     *store.Store
	Index     *index.Index // nil: fleet-wide lists are the store's, and there is no search by version
	Committer *commit.Committer
	Queue     *task.Queue // nil: there is no background work
	Feed      *feed.Feed
	Auth      *api.Authenticator
	Metrics   http.Handler                // answers GET /metrics
	Scraper   func(*http.Request) bool    // tells who may read them without an account; nil: nobody
	Ready     func(context.Context) error // why the aggregator cannot work; nil: it can
	Log       *slog.Logger
	Sinks     []config.Sink // of the configuration

	Origin func(*http.Request) netip.Addr // where a request comes from

	Description []byte // the OpenAPI document of all contracts

	// OnConfiguration is called after a collection configuration was changed; nil: nobody here delivers them.
	OnConfiguration func(context.Context) error
}

// API serves the routes. It is safe for concurrent use.
type API struct {
	store     *store.Store
	index     *index.Index
	committer *commit.Committer
	queue     *task.Queue
	metrics   http.Handler
	scraper   func(*http.Request) bool
	ready     func(context.Context) error
	log       *slog.Logger
	door      *api.Door
	trees     places
	dryRuns   turns
	who       *api.Authenticator
	sinks     []config.Sink
	passwords *auth.Passwords
	origin    func(*http.Request) netip.Addr

	description []byte

	onConfiguration func(context.Context) error

	events   *eventHub
	stopping chan struct{} // closed by Stop
	stop     sync.Once
}

// New returns the API; it serves nothing until it is mounted.
func New(o Options) *API {
	return &API{
		store: o.Store, index: o.Index, committer: o.Committer, queue: o.Queue, metrics: o.Metrics, scraper: o.Scraper, ready: o.Ready, log: o.Log,
		onConfiguration: o.OnConfiguration, description: o.Description,
		door: &api.Door{
			Auth: o.Auth, Schemes: []auth.Scheme{auth.TokenScheme, auth.BearerScheme}, Cookies: true, Explain: explain,
			Log: o.Log,
		}, trees: make(places, submissions), who: o.Auth, passwords: auth.NewPasswords(), origin: o.Origin, sinks: o.Sinks,
		events: newEventHub(o.Feed.Read), stopping: make(chan struct{}),
	}
}

// Stop ends the answers that go on for ever. It is for the moment when the aggregator stops to listen.
func (a *API) Stop() { a.stop.Do(func() { close(a.stopping) }) }

// Routes is the table, for what compares it with its description.
func (a *API) Routes() []api.Route { return a.routes() }

// Mount adds the routes to the mux.
func (a *API) Mount(mux *http.ServeMux) { a.door.Mount(mux, a.routes()) }

// explain is the one place that gives errors their status. nil stands for errors that are nobody's business outside.
func explain(err error) *api.Problem {
	if gone, ok := errors.AsType[*store.GoneError](err); ok {
		p := api.Refuse(http.StatusGone, "History is kept from %s on.", stamp(gone.Oldest))
		oldest := gone.Oldest.UTC()
		p.Oldest = &oldest
		return p
	}
	if fields, ok := errors.AsType[compliance.FieldErrors](err); ok {
		p := api.Refuse(http.StatusBadRequest, "%v", fields)
		p.Errors = fields
		return p
	}
	if refusal, ok := errors.AsType[*tree.Error](err); ok {
		status := http.StatusBadRequest
		if refusal.TooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		p := api.Refuse(status, "%v", refusal)
		p.Path = refusal.Path
		return p
	}
	if invalid, ok := errors.AsType[*commit.InvalidError](err); ok {
		status := http.StatusBadRequest
		if invalid.Limit {
			status = http.StatusRequestEntityTooLarge
		}
		p := api.Refuse(status, "%v", invalid)
		p.Path = invalid.Kind
		return p
	}
	if used, ok := errors.AsType[*store.InUseError](err); ok {
		return api.Refuse(http.StatusConflict, "It is %v.", used)
	}
	if throttled, ok := errors.AsType[*store.ThrottledError](err); ok {
		return api.Refuse(http.StatusTooManyRequests, "It failed too often: %v.", throttled)
	}
	switch {
	case errors.Is(err, store.ErrBeyond):
		return api.Refuse(http.StatusForbidden, "%v Somebody could do more by it than you may.", auth.ErrPermissionDenied)
	case errors.Is(err, store.ErrBuiltIn):
		return api.Refuse(http.StatusConflict, "It is a built-in role, which stays as it is.")
	case errors.Is(err, store.ErrRoleInUse):
		return api.Refuse(http.StatusConflict, "Somebody has this role.")
	case errors.Is(err, store.ErrNotFound):
		return api.Refuse(http.StatusNotFound, "There is no such thing.")
	case errors.Is(err, store.ErrTooManyTasks):
		return api.Refuse(http.StatusTooManyRequests, "You have too many unfinished tasks; wait for one of them.")
	case errors.Is(err, store.ErrRetry):
		return api.Refuse(http.StatusConflict, "Somebody else changes the same machine again and again; try again.")
	}
	return nil
}
