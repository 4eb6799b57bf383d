// SPDX-License-Identifier: Apache-2.0

//go:build unix

package load_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // machines compress large pushes

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/load"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// secret opens the enrolment that every world has.
const secret = "the secret of the world's enrolment"

// world is a private database with aggregators in front of it.
type world struct {
	t           *testing.T
	pool        *pgxpool.Pool
	aggregators []*aggregator
	state       string
}

// aggregator is one process, as far as the protocol is concerned.
type aggregator struct {
	http   string
	grpc   string
	server *grpc.Server
}

// newWorld starts n aggregators on a new database.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	w := &world{t: t, state: filepath.Join(t.TempDir(), "state")}
	dsn := storetest.DSN(t)
	for range n {
		w.start(dsn)
	}
	s := store.New(w.pool)
	t.Cleanup(s.Close)
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateEnrollment(t.Context(), store.NewEnrollment{Name: "world", SecretDigest: auth.DigestOf(secret)}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) start(dsn string) {
	w.t.Helper()
	pool, err := store.Open(context.Background(), dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	s := store.New(pool)
	log := slog.New(slog.DiscardHandler)
	service := ingest.New(s, commit.New(s, log), ingest.Options{Interval: time.Minute}, log)
	a := &aggregator{http: serveHTTP(w.t, service)}
	a.grpc, a.server = serveGRPC(w.t, service)
	w.t.Cleanup(func() { s.Close(); pool.Close() })
	w.pool = pool
	w.aggregators = append(w.aggregators, a)
}

func serveHTTP(t *testing.T, service *ingest.Service) string {
	mux := http.NewServeMux()
	mux.Handle(service.Handler())
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func serveGRPC(t *testing.T, service *ingest.Service) (string, *grpc.Server) {
	t.Helper()
	server := grpc.NewServer(service.ServerOptions()...)
	service.RegisterGRPC(server)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String(), server
}

// runner returns a fleet that reports to the world's aggregators, as the state file left it.
func (w *world) runner(o fleet.Options, change func(*load.Options)) *load.Runner {
	w.t.Helper()
	o.Seed = 7
	machines, err := fleet.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	options := load.Options{
		Fleet: machines, Seed: o.Seed, StateFile: w.state, Connections: 4, Workers: 16,
		Log: slog.New(slog.DiscardHandler),
	}
	for _, a := range w.aggregators {
		options.Servers, options.GRPC = append(options.Servers, a.http), append(options.GRPC, a.grpc)
	}
	if change != nil {
		change(&options)
	}
	r, err := load.New(options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(r.Close)
	return r
}

// agree fails the test unless the database holds the roots that were acknowledged, and no other head.
func (w *world) agree(r *load.Runner) {
	w.t.Helper()
	rows, err := w.pool.Query(w.t.Context(), `SELECT m.serial_number, h.root FROM head h JOIN machine m ON m.id = h.machine`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	held := map[string]asset.Digest{}
	for rows.Next() {
		var serial string
		var root []byte
		if err := rows.Scan(&serial, &root); err != nil {
			w.t.Fatal(err)
		}
		held[serial] = asset.Digest(root)
	}
	roots := r.Roots()
	for serial, root := range roots {
		if held[serial] != root {
			w.t.Errorf("%s: the head is %s, acknowledged was %s", serial, held[serial], root)
		}
	}
	if len(held) != len(roots) {
		w.t.Errorf("%d heads, %d machines", len(held), len(roots))
	}
}

// must(f())(t) is the report of a verb that went well.
func must(report *load.Report, err error) func(*testing.T) *load.Report {
	return func(t *testing.T) *load.Report {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if report.GaveUp > 0 || report.Conflicts > 0 {
			t.Errorf("%s: %d machines gave up, %d conflicts: %v", report.Verb, report.GaveUp, report.Conflicts, report.Failures)
		}
		return report
	}
}
