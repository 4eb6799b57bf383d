// SPDX-License-Identifier: Apache-2.0

// Package apitest is an aggregator without listeners for tests of the REST contracts: all doors over a private database,
// with every answer held against the OpenAPI document. It is for tests only.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// World is an aggregator without listeners, on a database of its own.
type World struct {
	Pool  *pgxpool.Pool
	Store *store.Store
	Index *index.Index
	Queue *task.Queue // nil unless the options ask for tasks
	Files string      // the folder of what tasks leave for download
	Doors *server.Doors
	Mux   *http.ServeMux
	// Tokens are those of service accounts with the built-in roles.
	Tokens map[auth.Role]string
	// NotReady is what the aggregator says it lacks; nil: nothing.
	NotReady error
	// OnConfiguration hears of changed configurations; nil: nobody wants to know.
	OnConfiguration func(context.Context) error

	t             testing.TB
	options       Options
	agentPackages string
	router        routers.Router
}

func init() {
	for _, media := range []string{"application/jsonl", "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
}

// Options say what a World has; the zero Options are for tests of what is answered at once.
type Options struct {
	Unindexed bool // its index stays unbuilt
	Tasks     bool // background jobs run

	AgentPackages string // folder of the agent's packages

	Fleet          metrics.FleetOptions // what /metrics/inventory/ tells
	NoFleetMetrics bool                 // it is not there
	NoMetricsToken bool                 // and MetricsToken is nobody's
}

// MetricsToken is what Prometheus shows.
const MetricsToken = "of-prometheus"

// New returns a World that answers over its index.
func New(t testing.TB, o Options) *World {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	dsn := storetest.DSN(t)
	pool, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	w := &World{t: t, Pool: pool, Store: s, Mux: http.NewServeMux(), Tokens: map[auth.Role]string{}, agentPackages: o.AgentPackages, options: o}
	if err := s.EnsurePartitions(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	w.Index = index.New(s, index.Options{Log: log})
	if o.Tasks {
		w.openQueue(dsn, log)
	}
	w.wire(log)
	if o.Tasks {
		w.keep(w.Queue)
	}
	if !o.Unindexed {
		w.keep(w.Index)
		w.awaitIndex()
	}
	for _, role := range auth.Roles() {
		w.Tokens[role] = w.tokenOf(store.Account{Kind: auth.ServiceAccount, Name: string(role), Roles: []string{string(role)}})
	}
	return w
}

// wire mounts the doors and reads their description.
func (w *World) wire(log *slog.Logger) {
	w.t.Helper()
	numbers := metrics.New(w.Store, "test", log)
	numbers.CountFrom(w.Index)
	token := MetricsToken
	if w.options.NoMetricsToken {
		token = ""
	}
	doors, err := server.NewDoors(server.DoorOptions{
		FleetMetrics: w.options.Fleet, ServeFleet: !w.options.NoFleetMetrics, MetricsToken: token,
		Store: w.Store, Index: w.Index, Committer: commit.New(w.Store, log), Queue: w.Queue, Metrics: numbers.Handler(),
		Ready: func(context.Context) error { return w.NotReady }, Log: log, AgentPackages: w.agentPackages,
		OnConfiguration: func(ctx context.Context) error {
			if w.OnConfiguration == nil {
				return nil
			}
			return w.OnConfiguration(ctx)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	doors.Mount(w.Mux)
	w.Doors = doors
	if w.router, err = legacy.NewRouter(w.Description()); err != nil {
		w.t.Fatal(err)
	}
}

// openQueue opens a queue of tasks; what is registered with it runs once the doors are wired.
func (w *World) openQueue(dsn string, log *slog.Logger) {
	w.t.Helper()
	w.Files = w.t.TempDir()
	if err := task.Migrate(w.t.Context(), dsn, log); err != nil {
		w.t.Fatal(err)
	}
	queue, err := task.Open(w.t.Context(), dsn, task.Options{Log: log, Files: w.Files})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(queue.Close)
	w.Queue = queue
}

func (w *World) awaitIndex() {
	w.t.Helper()
	w.await("the index does not get ready", func() bool { return w.Index.Fresh(w.t.Context()) == nil })
}

// Settle waits until everything that was written is read as events: what a transaction elsewhere in the cluster may still
// come before waits for its end.
func (w *World) Settle() {
	w.t.Helper()
	w.await("the journal does not settle", func() bool {
		var settled bool
		err := w.Pool.QueryRow(w.t.Context(), `
SELECT NOT EXISTS (SELECT FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))`).Scan(&settled)
		if err != nil {
			w.t.Fatal(err)
		}
		return settled
	})
}

// await asks again and again until it is so.
func (w *World) await(otherwise string, so func() bool) {
	w.t.Helper()
	deadline := time.After(time.Minute)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-deadline:
			w.t.Fatal(otherwise)
		case <-again.C:
		}
	}
}

// keep runs a part of the aggregator until the test ends.
func (w *World) keep(part interface{ Run(context.Context) error }) {
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- part.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

// Description is the OpenAPI document that is served.
func (w *World) Description() *openapi3.T {
	w.t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(w.Doors.Description)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	t testing.TB
}

// Ask sends a request as an admin.
func (w *World) Ask(method, path string, body any) Answer {
	w.t.Helper()
	return w.AskAs(w.Tokens[auth.Admin], method, path, body)
}

// AskAs sends a request with a token, "" being none, and holds the answer against the description.
func (w *World) AskAs(token, method, path string, body any) Answer {
	w.t.Helper()
	req := Request(w.t, method, path, body)
	if token != "" {
		req.Header.Set("Authorization", "Token "+token)
	}
	return w.Send(req)
}

// Request makes a request with a body: nil, bytes, text, or what is encoded as JSON.
// Request returns a request with a body: bytes and texts as they are, anything else as JSON, nil being none.
func Request(t testing.TB, method, path string, body any) *http.Request {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, path, reader)
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// Send sends a request as it is, and holds the answer against the description. A stream of events is cut off behind its
// first block.
func (w *World) Send(req *http.Request) Answer {
	w.t.Helper()
	ctx, cut := context.WithCancel(req.Context())
	defer cut()
	rec := &recorder{ResponseRecorder: httptest.NewRecorder(), cut: cut}
	w.Mux.ServeHTTP(rec, req.WithContext(ctx))
	a := Answer{t: w.t, Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}
	w.hold(req, a)
	return a
}

// recorder ends the answers that would go on for ever.
type recorder struct {
	*httptest.ResponseRecorder
	cut func()
}

// Flush implements http.Flusher.
func (r *recorder) Flush() {
	if r.Header().Get("Content-Type") == "text/event-stream" {
		r.cut()
	}
	r.ResponseRecorder.Flush()
}

// hold compares an answer with its description. HEAD, and methods that a path does not have, are not described.
func (w *World) hold(req *http.Request, a Answer) {
	w.t.Helper()
	if req.Method == http.MethodHead || a.Status == http.StatusMethodNotAllowed {
		return
	}
	route, params, err := w.findRoute(req)
	if err != nil {
		// Whoever may not know is told nothing of a method that a path does not have.
		if !slices.Contains([]int{http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden}, a.Status) {
			w.t.Errorf("%s %s answers %d and is not described: %v", req.Method, req.URL, a.Status, err)
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 a.Status, Header: a.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	body, err := a.plain()
	if err != nil {
		w.t.Errorf("%s %s: %v", req.Method, req.URL, err)
		return
	}
	input.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(w.t.Context(), input); err != nil {
		w.t.Errorf("%s %s: %d is not as described: %v\n%s", req.Method, req.URL, a.Status, err, a.Body)
	}
}

// findRoute returns what describes a request. The router takes /metrics for /metrics/.
func (w *World) findRoute(req *http.Request) (*routers.Route, map[string]string, error) {
	route, params, err := w.router.FindRoute(req)
	if err != nil {
		return nil, nil, err
	}
	if item := route.Spec.Paths.Value(req.URL.Path); item != nil && item.GetOperation(req.Method) != nil {
		exact := *route
		exact.Path, exact.PathItem, exact.Operation = req.URL.Path, item, item.GetOperation(req.Method)
		route = &exact
	}
	return route, params, nil
}

// Want fails the test when the status is another one.
func (a Answer) Want(status int) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("got %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// Says fails the test when the body lacks a text.
func (a Answer) Says(text string) Answer {
	a.t.Helper()
	if !strings.Contains(string(a.Body), text) {
		a.t.Fatalf("got %s, want it to say %q", a.Body, text)
	}
	return a
}

// Object decodes the body.
func (a Answer) Object() map[string]any {
	a.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.Body, &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	return v
}

// List decodes one list of the body.
func (a Answer) List(key string) []map[string]any {
	a.t.Helper()
	var v map[string]json.RawMessage
	var rows []map[string]any
	if err := json.Unmarshal(a.Body, &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	if err := json.Unmarshal(v[key], &rows); err != nil {
		a.t.Fatalf("%s: %v: %s", key, err, a.Body)
	}
	return rows
}
