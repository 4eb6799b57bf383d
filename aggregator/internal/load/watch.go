// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// watch is what looks on while a verb runs.
type watch struct {
	runner  *Runner
	verb    string
	total   int // turns that are to be expected
	started time.Time
	record  *recorder

	mu                             sync.Mutex
	sampler                        *sampler
	aggregators, postgres          ledger
	self                           time.Duration // at the start
	last                           sample
	up, down, dials                int64 // at the start
	database                       map[string]Measure
	shownAt                        time.Time // of the last line of progress
	shownOperations                int64
	shownAggregator, shownPostgres time.Duration
}

func newWatch(r *Runner, verb string, total int) *watch {
	now := time.Now()
	return &watch{runner: r, verb: verb, total: total, started: now, record: newRecorder(now), sampler: r.newSampler()}
}

// start takes the first readings. What cannot be read is left out of the report, and said in the log.
func (w *watch) start(ctx context.Context) {
	w.up, w.down, w.dials = w.runner.pool.traffic.up.Load(), w.runner.pool.traffic.down.Load(), w.runner.pool.traffic.dials.Load()
	w.database = w.runner.databaseBefore(ctx)
	w.sample()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.self = w.last.self
	if len(w.last.aggregators) == 0 {
		w.runner.options.Log.Warn("no aggregator found on this machine: its CPU time is not in the report")
	}
	w.started = time.Now()
	w.record.started, w.shownAt = w.started, w.started
}

// sample takes a reading of the processes.
func (w *watch) sample() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := w.sampler.read()
	if err != nil {
		w.runner.options.Log.Debug("processes not read", "err", err)
		return
	}
	w.aggregators.note(now.aggregators)
	w.postgres.note(now.postgres)
	w.last = now
}

// progress takes a reading and prints a line.
func (w *watch) progress() {
	w.sample()
	if w.runner.options.Progress == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	seconds := now.Sub(w.shownAt).Seconds()
	if seconds < leastProgress.Seconds() {
		return // the last line came late
	}
	c, p99 := w.record.now()
	aggregator, postgres := w.aggregators.total(), w.postgres.total()
	fmt.Fprintf(w.runner.options.Progress,
		"%-9s %6.0fs  %d/%d done  %7.1f/s  p99 %s  refused %d  errors %d  gave up %d  cores: aggregator %.2f postgres %.2f  rss MB: %d %d self %d\n",
		w.verb, now.Sub(w.started).Seconds(), c.done, w.total, float64(c.operations-w.shownOperations)/seconds, round3(p99), c.refused, c.errors, c.gaveUp,
		(aggregator-w.shownAggregator).Seconds()/seconds, (postgres-w.shownPostgres).Seconds()/seconds,
		w.last.aggregatorRSS>>20, w.last.postgresRSS>>20, w.last.selfRSS>>20)
	w.shownAt, w.shownOperations, w.shownAggregator, w.shownPostgres = now, c.operations, aggregator, postgres
}

// leastProgress is the shortest time that rates are worth telling of.
const leastProgress = 500 * time.Millisecond

// round3 shortens a duration for people.
func round3(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}

// finish takes the last readings and writes the report.
func (w *watch) finish(ctx context.Context) *Report {
	elapsed := time.Since(w.started)
	w.sample()
	w.mu.Lock()
	defer w.mu.Unlock()
	o, t := &w.runner.options, &w.runner.pool.traffic
	report := &Report{
		Verb: w.verb, Machines: len(w.runner.machines), Seed: o.Seed, Transport: o.Transport,
		Connections: t.open.Load(), Dials: t.dials.Load() - w.dials,
		BytesUp: t.up.Load() - w.up, BytesDown: t.down.Load() - w.down,
	}
	if report.Transport == "" {
		report.Transport = "grpc"
	}
	report.fill(w.record, elapsed)
	operations := report.operations()
	add := func(who string, processes int, cpu time.Duration, rss, peak int64) {
		if processes == 0 {
			return
		}
		report.Usage = append(report.Usage, Usage{
			Who: who, Processes: processes, CPUSeconds: cpu.Seconds(), Cores: cpu.Seconds() / elapsed.Seconds(),
			CPUMilliseconds: cpu.Seconds() * 1000 / float64(max(operations, 1)), RSSBytes: rss, PeakRSSBytes: peak,
		})
	}
	add("aggregator", w.last.aggregatorProcesses, w.aggregators.total(), w.last.aggregatorRSS, w.last.aggregatorPeak)
	add("postgres", w.last.postgresBackends, w.postgres.total(), w.last.postgresRSS, 0)
	if w.last.self > 0 {
		add("fleetsim", 1, w.last.self-w.self, w.last.selfRSS, w.last.selfPeak)
	}
	report.Database = w.runner.databaseAfter(ctx, w.database)
	return report
}
