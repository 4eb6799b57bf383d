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

// Public is what a route needs that asks nobody who they are.
var Public = []auth.Permission{}

// Needs lists the permissions that a route takes, all of them.
func Needs(all ...auth.Permission) []auth.Permission { return all }

// Reach says what a route's answers tell about machines, and so who of those that may not see every machine may use it.
type Reach int

// The reaches. Fleet comes first, so that a row which forgets to say refuses more than it has to.
const (
	Fleet      Reach = iota // about all machines: whoever is limited to some of them is refused
	Scoped                  // the handler tells only of the machines that auth.ReachOf covers
	NoMachines              // nothing about any machine
)

// Handler answers a request, or returns why it does not; then it has written nothing, unless it was streaming.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one row of a contract's table.
type Route struct {
	Pattern string            // method and path, as net/http has it: "GET /api/v1/machines/{serial}"; GET also serves HEAD, a final slash nothing below
	Needs   []auth.Permission // all of them
	Reach   Reach
	Cookie  bool // people who signed in with a browser may use it without a token
	// Admits lets in who needs no account, by what the request shows; nil: nobody. Then there is no principal.
	Admits  func(*http.Request) bool
	Handler Handler
}

// public tells whether nobody is asked; a row that says nothing about permissions is closed.
func (r *Route) public() bool { return r.Needs != nil && len(r.Needs) == 0 }

// Door serves the routes of a contract.
type Door struct {
	Auth    *Authenticator
	Schemes []auth.Scheme // in the Authorization header; the first is the one that a 401 asks for
	// Explain turns the error of a handler into a problem; nil stands for an error that the client may not read.
	Explain func(error) *Problem
	// Write sends a problem in the words of the contract; nil: as a problem body.
	Write func(http.ResponseWriter, *http.Request, *Problem)
	// Cookies lets people who signed in with a browser use every route, not only those that say so.
	Cookies bool
	// WhoFirst asks who it is before it says that a path has no such method.
	WhoFirst bool
	Log      *slog.Logger
}

// Mount adds the routes to the mux. A path of them with another method is answered with 405.
func (d *Door) Mount(mux *http.ServeMux, routes []Route) {
	paths := map[string]map[string]Route{}
	for _, route := range routes {
		route.Cookie = route.Cookie || d.Cookies
		method, path, _ := strings.Cut(route.Pattern, " ")
		if paths[path] == nil {
			paths[path] = map[string]Route{}
		}
		paths[path][method] = route
	}
	for path, methods := range completed(paths) {
		if strings.HasSuffix(path, "/") {
			d.mountSlashed(mux, path, d.dispatch(methods))
			continue
		}
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
			d.refuseMethod(w, r, methods, allow)
			return
		}
		d.serve(route, w, r)
	})
}

// refuseMethod answers a method that a path does not have. Where it matters who asks, a path with one route wants that
// one's permissions all the same.
func (d *Door) refuseMethod(w http.ResponseWriter, r *http.Request, methods map[string]Route, allow string) {
	if d.WhoFirst {
		closed := Route{Needs: []auth.Permission{auth.SignedIn}, Reach: NoMachines}
		for _, route := range methods {
			closed.Cookie = closed.Cookie || route.Cookie
		}
		if only, ok := onlyRoute(methods); ok {
			closed = only
		}
		if _, err := d.Auth.authorise(r, &closed, d.Schemes); err != nil {
			d.refuse(w, r, err)
			return
		}
	}
	w.Header().Set("Allow", allow)
	d.refuse(w, r, Refuse(http.StatusMethodNotAllowed, "Method %q is not allowed here; use %s.", r.Method, allow))
}

// onlyRoute returns the route of a path that has one: HEAD is no route of its own.
func onlyRoute(methods map[string]Route) (Route, bool) {
	var only Route
	for _, route := range methods {
		if only.Pattern != "" && route.Pattern != only.Pattern {
			return Route{}, false
		}
		only = route
	}
	return only, true
}

// serve asks who it is, runs the handler and answers for its error.
func (d *Door) serve(route Route, w http.ResponseWriter, r *http.Request) {
	if !route.public() && (route.Admits == nil || !route.Admits(r)) {
		principal, err := d.Auth.authorise(r, &route, d.Schemes)
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
		for _, scheme := range d.Schemes {
			w.Header().Add("WWW-Authenticate", scheme.Challenge())
		}
	}
	if d.Write != nil {
		d.Write(w, r, problem)
		return
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
