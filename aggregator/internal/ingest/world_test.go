// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// secret opens the enrolment that every world has.
const secret = "the secret of the world's enrolment"

// world is a private database with one or more aggregators in front of it.
type world struct {
	*store.Store // of the first aggregator
	t            *testing.T
	dsn          string
	aggregators  []*aggregator
}

// aggregator is one process, as far as the protocol is concerned.
type aggregator struct {
	pool *pgxpool.Pool
	http string // URL of the Connect listener
	grpc string // host:port of the native listener
	log  *logBuffer

	service *ingest.Service
}

// newWorld starts n aggregators on a new database.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	return newWorldAt(t, n, storetest.DSN(t))
}

// newWorldAt starts n aggregators on a migrated database.
func newWorldAt(t *testing.T, n int, dsn string) *world {
	t.Helper()
	w := &world{t: t, dsn: dsn}
	for range n {
		w.start()
	}
	if err := w.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.enrollment(store.NewEnrollment{Name: "world", SecretDigest: auth.DigestOf(secret)})
	return w
}

func (w *world) start() {
	w.t.Helper()
	pool := must(store.Open(context.Background(), w.dsn))(w.t)
	s := store.New(pool)
	a := &aggregator{pool: pool, log: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(a.log, nil))
	a.service = ingest.New(s, commit.New(s, log), ingest.Options{
		Interval: time.Minute, GRPCAdvertise: ":8481", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, log)
	a.http, a.grpc = serveHTTP(w.t, a.service), serveGRPC(w.t, a.service)
	w.t.Cleanup(func() { s.Close(); pool.Close() })
	if w.Store == nil {
		w.Store = s
	}
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

func serveGRPC(t *testing.T, service *ingest.Service) string {
	server := grpc.NewServer(service.ServerOptions()...)
	service.RegisterGRPC(server)
	reflection.Register(server)
	listener := must((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

// door is one of the ways in; protocol is how a client speaks there.
type door struct {
	name string
	open func(*testing.T, *aggregator) client
}

// doors are all ways in that have a client of their own.
var doors = []door{
	{"grpc-go", func(t *testing.T, a *aggregator) client { return dialGRPC(t, a.grpc) }},
	{"connect", func(t *testing.T, a *aggregator) client { return connectTo(t, a.http, false) }},
	{"connect-go over gRPC", func(t *testing.T, a *aggregator) client {
		return connectTo(t, "http://"+a.grpc, true, connect.WithGRPC())
	}},
	{"gRPC on the Connect listener", func(t *testing.T, a *aggregator) client {
		return connectTo(t, a.http, true, connect.WithGRPC())
	}},
}

// eachDoor runs a test through every way in, each on a world of its own.
func eachDoor(t *testing.T, run func(t *testing.T, w *world, c client)) {
	t.Parallel()
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			run(t, w, d.open(t, w.aggregators[0]))
		})
	}
}

func (w *world) enrollment(n store.NewEnrollment) {
	w.t.Helper()
	must(w.CreateEnrollment(w.t.Context(), n))(w.t)
}

// exec changes the database behind everybody's back.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	must(w.aggregators[0].pool.Exec(context.Background(), sql, args...))(w.t)
}

func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.aggregators[0].pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// contentSQL is everything in the tables that a call may write, as one text.
const contentSQL = `
SELECT coalesce(string_agg(x, E'\n' ORDER BY x), '') FROM (
	SELECT 'machine ' || m::text FROM machine m UNION ALL
	SELECT 'source ' || s::text FROM source s UNION ALL
	SELECT 'tag ' || m::text FROM machine_tag m UNION ALL
	SELECT 'asset ' || a.id || ' ' || a.kind || ' ' || a.name FROM asset a UNION ALL
	SELECT 'head ' || h::text FROM head h UNION ALL
	SELECT 'instance ' || h::text FROM head_instance h UNION ALL
	SELECT 'summary ' || h::text FROM head_summary h UNION ALL
	SELECT 'section ' || h::text FROM head_section h UNION ALL
	SELECT 'change ' || c::text FROM change c UNION ALL
	SELECT 'journal ' || j::text FROM journal j UNION ALL
	SELECT 'vitals ' || v::text FROM vitals v UNION ALL
	SELECT 'health ' || h::text FROM agent_health h UNION ALL
	SELECT 'enrollment ' || e::text FROM enrollment e UNION ALL
	SELECT 'credential ' || c::text FROM credential c
) AS rows (x)`

// content returns all that the aggregators have written.
func (w *world) content() string {
	w.t.Helper()
	var all string
	if err := w.aggregators[0].pool.QueryRow(context.Background(), contentSQL).Scan(&all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// fsck fails the test when the database is not sound.
func (w *world) fsck() {
	w.t.Helper()
	counts, err := w.Fsck(context.Background(), func(problem string) { w.t.Errorf("fsck: %s", problem) })
	if err != nil || counts.Problems != 0 {
		w.t.Errorf("fsck: got %+v, %v", counts, err)
	}
}

// logBuffer keeps what an aggregator logs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// must(f())(t) is the value of f, or the end of the test.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
