// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// fleetAge is how old the counts of a scrape may be: several Prometheus servers cost one reading.
	fleetAge = 15 * time.Second
	// fleetLimit is how long the counting may take.
	fleetLimit = 10 * time.Second
)

// fleet counts machines, and shows how the database is.
type fleet struct {
	store *store.Store
	log   *slog.Logger

	mu    sync.Mutex
	read  time.Time // when stats was read, or could not be
	ok    bool
	stats store.Stats

	up, machines, heads, archived, assets, bytes, partitions, oldest *prometheus.Desc
}

func newFleet(s *store.Store, log *slog.Logger) *fleet {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_"+name, help, labels, nil)
	}
	return &fleet{
		store: s, log: log,
		up:         desc("database_up", "1 when the database could be read for this scrape, else 0."),
		machines:   desc("machines", "Known machines, by platform and operating system; a label is empty when no source tells.", "platform", "os_version"),
		heads:      desc("snapshots", "Current snapshots: one for each machine and source."),
		archived:   desc("archived_snapshots", "Snapshots of archived machines."),
		assets:     desc("assets", "Facts in the fleet-wide dictionary; an estimate when there are many."),
		bytes:      desc("database_size_bytes", "Size on disk: of the whole database, of the journal, of the change log.", "part"),
		partitions: desc("partitions_ahead", "Weeks after this one for which the change log has room already."),
		oldest:     desc("database_oldest_transaction_seconds", "Age of the oldest running transaction."),
	}
}

// Describe implements prometheus.Collector.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.up, f.machines, f.heads, f.archived, f.assets, f.bytes, f.partitions, f.oldest} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	stats, ok := f.current()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if !ok {
		gauge(f.up, 0)
		return
	}
	gauge(f.up, 1)
	for _, c := range stats.OSVersions {
		gauge(f.machines, float64(c.Machines), c.Platform, c.OSVersion)
	}
	gauge(f.heads, float64(stats.Heads))
	gauge(f.archived, float64(stats.ArchivedHeads))
	gauge(f.assets, float64(stats.Assets))
	gauge(f.bytes, float64(stats.DatabaseBytes), "all")
	gauge(f.bytes, float64(stats.JournalBytes), "journal")
	gauge(f.bytes, float64(stats.ChangeBytes), "changes")
	gauge(f.partitions, float64(stats.PartitionsAhead))
	gauge(f.oldest, stats.OldestTransaction.Seconds())
}

// current returns counts that are at most fleetAge old; false when the database did not answer.
func (f *fleet) current() (store.Stats, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.read) < fleetAge {
		return f.stats, f.ok
	}
	ctx, cancel := context.WithTimeout(context.Background(), fleetLimit) // Prometheus's interface has no context
	defer cancel()
	stats, err := f.store.Stats(ctx)
	if err != nil {
		f.log.Warn("counts of the fleet not read", "err", err)
	}
	f.read, f.ok, f.stats = time.Now(), err == nil, stats
	return f.stats, f.ok
}
