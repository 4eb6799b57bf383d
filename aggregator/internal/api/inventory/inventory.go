// SPDX-License-Identifier: Apache-2.0

// Package inventory is the inventory API of Zentral under /api/inventory/ and its task results under /api/task_result/,
// as its clients, scripts and Terraform provider use them: one file per resource, and routes.go with the table of them
// all. It decodes, calls one thing, and encodes, with the contract's names and texts. It refuses to hold rules or SQL.
package inventory

import (
	"cmp"
	"embed"
	"errors"
	"log/slog"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// Description holds the parts of the OpenAPI document that describe the rows of routes.go.
//
//go:embed openapi
var Description embed.FS

// Options are what the API needs.
type Options struct {
	Store     *store.Store
	Committer *commit.Committer
	Queue     *task.Queue
	Auth      *api.Authenticator
	Log       *slog.Logger

	SnapshotRetentionDays int // what a cleanup leaves alone that says no days; 0: defaultRetentionDays
}

// defaultRetentionDays is the contract's.
const defaultRetentionDays = 30

// API serves the routes. It is safe for concurrent use.
type API struct {
	store     *store.Store
	committer *commit.Committer
	queue     *task.Queue
	log       *slog.Logger
	door      *api.Door

	retentionDays int
}

// New returns the API; it serves nothing until it is mounted.
func New(o Options) *API {
	return &API{
		store: o.Store, committer: o.Committer, queue: o.Queue, log: o.Log,
		retentionDays: cmp.Or(o.SnapshotRetentionDays, defaultRetentionDays),
		door: &api.Door{
			Auth: o.Auth, Schemes: []auth.Scheme{auth.TokenScheme}, Explain: explain, Write: drf.Write, WhoFirst: true, Log: o.Log,
		},
	}
}

// Routes is the table, for what compares it with its description.
func (a *API) Routes() []api.Route { return a.routes() }

// Mount adds the routes to the mux, and an answer for every other path below theirs.
func (a *API) Mount(mux *http.ServeMux) {
	a.door.Mount(mux, a.routes())
	for _, path := range []string{"/api/inventory/", "/api/task_result/"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			drf.Write(w, r, api.Refuse(http.StatusNotFound, "Not found."))
		})
	}
}

// explain is the one place that gives errors their status. nil stands for errors that are nobody's business outside.
func explain(err error) *api.Problem {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return api.Refuse(http.StatusNotFound, "Not found.")
	case errors.Is(err, store.ErrBeyond):
		return api.Refuse(http.StatusForbidden, "%v", auth.ErrPermissionDenied)
	case errors.Is(err, store.ErrTooManyTasks):
		return api.Refuse(http.StatusTooManyRequests, "You have too many unfinished tasks; wait for one of them.")
	case errors.Is(err, store.ErrRetry):
		return api.Refuse(http.StatusConflict, "Somebody else changes the same machine again and again; try again.")
	}
	return nil
}
