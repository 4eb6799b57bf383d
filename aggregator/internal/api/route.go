// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Public is the permission of a route that needs no token.
const Public auth.Permission = ""

// Handler answers a request, or returns why it does not; then it has written nothing, unless it was streaming.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one row of a contract's table.
type Route struct {
	Pattern    string          // method and path, as net/http has it: "GET /api/v1/machines/{serial}"; GET also serves HEAD
	Permission auth.Permission // Public: nobody is asked
	Handler    Handler
}

// Door serves the routes of a contract.
type Door struct {
	Auth *Authenticator
	// Explain turns the error of a handler into a problem; nil stands for an error that the client may not read.
	Explain func(error) *Problem
	Log     *slog.Logger
}

// Mount adds the routes to the mux. A path of them with another method is answered with 405.
func (d *Door) Mount(mux *http.ServeMux, routes []Route) {
	paths := map[string]map[string]Route{}
	for _, route := range routes {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if paths[path] == nil {
			paths[path] = map[string]Route{}
		}
		paths[path][method] = route
	}
	for path, methods := range paths {
		mux.Handle(path, d.dispatch(methods))
	}
}

// NotFound answers paths below the door that no route has.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Refuse(http.StatusNotFound, "There is nothing at this address.").Write(w, r)
}

// dispatch chooses the route by method.
func (d *Door) dispatch(methods map[string]Route) http.Handler {
	if get, ok := methods[http.MethodGet]; ok {
		methods[http.MethodHead] = get
	}
	var allowed []string
	for method := range methods {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, ok := methods[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			Refuse(http.StatusMethodNotAllowed, "Method %q is not allowed here; use %s.", r.Method, allow).Write(w, r)
			return
		}
		d.serve(route, w, r)
	})
}

// serve asks who it is, runs the handler and answers for its error.
func (d *Door) serve(route Route, w http.ResponseWriter, r *http.Request) {
	if route.Permission != Public {
		principal, err := d.Auth.authorise(r, route.Permission)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		r = r.WithContext(auth.WithPrincipal(r.Context(), principal))
	}
	tracked := &trackedWriter{ResponseWriter: w}
	err := route.Handler(tracked, r)
	switch {
	case err == nil:
	case !tracked.wrote:
		d.refuse(w, r, err)
	case r.Context().Err() != nil:
		// The client went away: there is nobody to tell.
	default:
		d.Log.Error("answer cut off", "method", r.Method, "path", r.URL.Path, "request_id", RequestID(r.Context()), "err", err)
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to show the client that the answer is incomplete
	}
}

// refuse sends the problem that err is or stands for.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	problem, ok := errors.AsType[*Problem](err)
	if !ok && d.Explain != nil {
		problem = d.Explain(err)
	}
	switch {
	case problem != nil:
	case errors.Is(err, context.DeadlineExceeded):
		problem = Refuse(http.StatusServiceUnavailable, "It took too long; try again.")
	default:
		problem = Refuse(http.StatusInternalServerError, "Something went wrong here. The log of the aggregator has more under the request id.")
	}
	if problem.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		d.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "status", problem.Status,
			"request_id", RequestID(r.Context()), "err", err)
	}
	if problem.Status == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = []string{"Token", "Bearer"}
	}
	problem.Write(w, r)
}

// trackedWriter knows whether the answer has begun.
type trackedWriter struct {
	http.ResponseWriter
	wrote bool
}

func (t *trackedWriter) WriteHeader(status int) {
	t.wrote = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *trackedWriter) Write(p []byte) (int, error) {
	t.wrote = true
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *trackedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
