// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// patience is how long a task may take to get somewhere on a loaded machine.
const patience = 60 * time.Second

// poll paces the looks at whether it has.
const poll = 20 * time.Millisecond

var discard = slog.New(slog.DiscardHandler)

// migrated returns a database with the tables of the queue.
func migrated(t *testing.T) string {
	t.Helper()
	dsn := storetest.DSN(t)
	if err := task.Migrate(t.Context(), dsn, discard); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// aggregator is one of those that share a queue.
type aggregator struct {
	*task.Queue
	t       *testing.T
	metrics *prometheus.Registry
	log     *logBuffer
	stop    func()
}

func newAggregator(t *testing.T, dsn string) *aggregator {
	t.Helper()
	a := &aggregator{t: t, metrics: prometheus.NewRegistry(), log: &logBuffer{}}
	a.Queue = must(task.Open(t.Context(), dsn, task.Options{Metrics: a.metrics, Log: slog.New(slog.NewTextHandler(a.log, nil))}))(t)
	t.Cleanup(a.Close)
	return a
}

// run works tasks off until stop is called, or the test ends.
func (a *aggregator) run() *aggregator {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	a.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			a.t.Error(err)
		}
	})
	a.t.Cleanup(a.stop)
	return a
}

// eventually polls until something holds.
func (a *aggregator) eventually(holds func() bool, what func() string) {
	a.t.Helper()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			a.t.Fatalf("after %s: %s\n%s", patience, what(), a.log)
		}
	}
}

// counter returns the value of a counter or gauge with these labels (name=value), 0 when there is none.
func (a *aggregator) counter(name string, labels ...string) (sum float64) {
	a.t.Helper()
	for _, family := range must(a.metrics.Gather())(a.t) {
		for _, m := range family.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if family.GetName() == name && strings.Join(have, " ") == strings.Join(labels, " ") {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// logBuffer keeps a log that several goroutines write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// sum is the task of most tests.
type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

func (sum) Kind() string { return "sum" }

// other is a task that not every aggregator knows.
type other struct{}

func (other) Kind() string { return "other" }

var errBroken = errors.New("broken")

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
