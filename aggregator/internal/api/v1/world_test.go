// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	v1 "github.com/rollcall-inventory/rollcall/aggregator/internal/api/v1"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// world is an aggregator without listeners, on a database of its own.
type world struct {
	t        *testing.T
	pool     *pgxpool.Pool
	store    *store.Store
	index    *index.Index
	api      *v1.API
	mux      *http.ServeMux
	router   routers.Router
	notReady error

	onConfiguration func(context.Context) error // nil: nobody wants to know
	tokens          map[auth.Role]string
}

// newWorld returns one that answers over its index.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := newWorldWith(t, true)
	deadline := time.After(time.Minute)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for w.index.Fresh(t.Context()) != nil {
		select {
		case <-deadline:
			t.Fatal("the index does not get ready")
		case <-again.C:
		}
	}
	return w
}

// newWorldWith returns one whose index is built, or stays unbuilt.
func newWorldWith(t *testing.T, indexed bool) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	w := &world{t: t, pool: pool, store: s, mux: http.NewServeMux(), tokens: map[auth.Role]string{}}
	if err := s.EnsurePartitions(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	w.index = index.New(s, index.Options{Log: log})
	if indexed {
		w.run(w.index)
	}
	numbers := metrics.New(s, "test", log)
	numbers.CountFrom(w.index)
	w.api = v1.New(v1.Options{
		Store: s, Index: w.index, Committer: commit.New(s, log), Auth: api.NewAuthenticator(s), Metrics: numbers.Handler(),
		Ready: func(context.Context) error { return w.notReady }, Log: log,
		OnConfiguration: func(ctx context.Context) error {
			if w.onConfiguration == nil {
				return nil
			}
			return w.onConfiguration(ctx)
		},
	})
	w.api.Mount(w.mux)
	for _, role := range auth.Roles() {
		w.tokens[role] = auth.NewToken(auth.ServiceAccount)
		if _, err := s.CreateToken(t.Context(), string(role), role, auth.DigestOf(w.tokens[role]), nil); err != nil {
			t.Fatal(err)
		}
	}
	w.router = describedRouter(t)
	return w
}

// run keeps the index fresh until the test ends.
func (w *world) run(x *index.Index) {
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

// description reads openapi.json.
func description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func describedRouter(t *testing.T) routers.Router {
	t.Helper()
	router, err := legacy.NewRouter(description(t))
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// ask sends a request as an admin.
func (w *world) ask(method, path string, body any) answer {
	w.t.Helper()
	return w.askAs(w.tokens[auth.Admin], method, path, body)
}

// askAs sends a request with a token, "" being none, and holds the answer against openapi.json.
func (w *world) askAs(token, method, path string, body any) answer {
	w.t.Helper()
	req := request(w.t, method, path, body)
	if token != "" {
		req.Header.Set("Authorization", "Token "+token)
	}
	return w.send(req)
}

func request(t *testing.T, method, path string, body any) *http.Request {
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

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, req)
	a := answer{t: w.t, status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
	w.hold(req, a)
	return a
}

// hold compares an answer with its description. HEAD, and methods that a path does not have, are not described.
func (w *world) hold(req *http.Request, a answer) {
	w.t.Helper()
	if req.Method == http.MethodHead || a.status == http.StatusMethodNotAllowed {
		return
	}
	route, params, err := w.router.FindRoute(req)
	if err != nil {
		if a.status != http.StatusNotFound {
			w.t.Errorf("%s %s answers %d and is not described: %v", req.Method, req.URL, a.status, err)
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(w.t.Context(), input); err != nil {
		w.t.Errorf("%s %s: %d is not as described: %v\n%s", req.Method, req.URL, a.status, err, a.body)
	}
}

// want fails the test when the status is another one.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("got %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// says fails the test when the body lacks a text.
func (a answer) says(text string) answer {
	a.t.Helper()
	if !strings.Contains(string(a.body), text) {
		a.t.Fatalf("got %s, want it to say %q", a.body, text)
	}
	return a
}

// object decodes the body.
func (a answer) object() map[string]any {
	a.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// list decodes one list of the body.
func (a answer) list(key string) []map[string]any {
	a.t.Helper()
	var v map[string]json.RawMessage
	var rows []map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	if err := json.Unmarshal(v[key], &rows); err != nil {
		a.t.Fatalf("%s: %v: %s", key, err, a.body)
	}
	return rows
}

// fixture reads a tree of testdata.
func fixture(t *testing.T, name string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// submit sends trees of testdata through the open door.
func (w *world) submit(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.ask(http.MethodPost, "/api/v1/snapshots", fixture(w.t, name)).want(http.StatusCreated)
	}
}
