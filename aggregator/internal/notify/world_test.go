// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// patience is how long a test waits for what should happen soon.
const patience = time.Minute

// secret of all sinks of the configuration.
const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// world is a database in whose journal things happen.
type world struct {
	*store.Store
	t    *testing.T
	pool *pgxpool.Pool
	log  *logged
}

func newWorld(t *testing.T) *world {
	t.Helper()
	pool := storetest.New(t)
	w := &world{Store: store.New(pool), t: t, pool: pool, log: &logged{}}
	t.Cleanup(w.Close)
	must(w.Epoch(t.Context()))(t)
	return w
}

// machine returns the id of a machine.
func (w *world) machine(serial string) int64 {
	w.t.Helper()
	return must(w.EnsureMachine(w.t.Context(), serial))(w.t)
}

// happen adds an entry to the journal with an event about a machine, or about none: its payload has the number.
func (w *world) happen(machine int64, n int) {
	w.t.Helper()
	body := fmt.Sprintf(`{"type":"osquery_request","payload":{"n":%d}}`, n)
	w.exec(`INSERT INTO journal (what, machine, body) VALUES ('event', nullif($1::bigint, 0), $2)`, machine, body)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// running is a notifier that runs.
type running struct {
	w        *world
	registry *prometheus.Registry
	cancel   context.CancelFunc
	done     chan error
}

func (w *world) run(o notify.Options) *running {
	w.t.Helper()
	r := &running{w: w, registry: prometheus.NewRegistry(), done: make(chan error, 1)}
	o.Log, o.Registerer = slog.New(slog.NewTextHandler(w.log, nil)), r.registry
	o.Probes.FirstRetry, o.Probes.LastRetry = time.Millisecond, 4*time.Millisecond
	n := notify.New(w.Store, feed.New(w.Store, feed.Options{Log: o.Log}), o)
	n.Hurry()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- n.Run(ctx) }()
	w.t.Cleanup(r.stop)
	return r
}

// stop ends a notifier in order.
func (r *running) stop() {
	r.cancel()
	err, first := <-r.done
	if first && err != nil {
		r.w.t.Error(err)
	}
	if first {
		close(r.done)
	}
}

// kill ends a notifier as kill -9 would: whatever it still saves finds that it holds nothing any more.
func (r *running) kill() {
	r.w.t.Helper()
	r.w.exec(`UPDATE sink SET holder = gen_random_uuid(), lease_until = now() + interval '20 ms'`)
	r.stop()
}

// begun waits until somebody delivers for a sink: it exists then.
func (w *world) begun(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.until("sink "+name+" is not delivered to", func() bool { return w.sink(name).Held })
	}
}

// sink returns a sink; the zero one when there is none.
func (w *world) sink(name string) store.Sink {
	w.t.Helper()
	for _, s := range must(w.Sinks(context.Background()))(w.t) {
		if s.Name == name {
			return s
		}
	}
	return store.Sink{}
}

// settled waits until a sink has dealt with everything.
func (w *world) settled(name string) {
	w.t.Helper()
	w.until("sink "+name+" is behind", func() bool {
		var behind int
		err := w.pool.QueryRow(context.Background(),
			`SELECT count(*) FROM journal j JOIN sink s ON (j.xid, j.id) > (s.xid, s.id) WHERE s.name = $1`, name).Scan(&behind)
		return err == nil && behind == 0
	})
}

// quiet waits until no transaction of the cluster, other tests' included, holds back what the journal has so far.
func (w *world) quiet() {
	w.t.Helper()
	w.until("the journal is held back", func() bool {
		var held int
		err := w.pool.QueryRow(context.Background(), `SELECT count(*) FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())`).Scan(&held)
		return err == nil && held == 0
	})
}

// until waits for something.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatalf("%s\nlog: %s", what, w.log)
		}
	}
}

// hook is a sink of the configuration that gives up after many quick attempts. It gets what happen makes, and not what
// the audit log says.
func hook(name, url string) config.Sink {
	return config.Sink{
		Name: name, Kind: config.WebhookSink, URL: url, Secret: secret, MaxAttempts: 1000,
		FirstRetry: time.Millisecond, LastRetry: 4 * time.Millisecond, Filter: event.Filter{Types: []string{"osquery_request"}},
	}
}

func probe(name, url string, f event.Filter) store.Probe {
	return store.Probe{Name: name, Enabled: true, URL: url, Secret: notify.NewSecret(), Filter: f}
}

// numberOf is the payload's number.
func numberOf(data []byte) int {
	var payload struct{ N int }
	if err := json.Unmarshal(data, &payload); err != nil {
		return -1
	}
	return payload.N
}

// logged keeps what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func serial(i int) string { return "S" + strconv.Itoa(i) }

// must fails the test with the error of a call.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// gauge adds up the values of a metric whose labels have a value.
func (r *running) gauge(name, label string) float64 {
	r.w.t.Helper()
	sum := 0.0
	for _, family := range must(r.registry.Gather())(r.w.t) {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == label {
					sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return sum
}
