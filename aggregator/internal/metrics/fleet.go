// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// fleetAge is how old what the database said may be: several Prometheus servers cost one reading.
	fleetAge = 15 * time.Second
	// fleetLimit is how long the reading may take.
	fleetLimit = 10 * time.Second
)

// fleet counts machines, and shows how the database is.
type fleet struct {
	store *store.Store
	index *index.Index // nil: the database counts
	log   *slog.Logger

	mu      sync.Mutex
	read    time.Time // when stats was read, or could not be
	ok      bool
	stats   store.Stats
	counted bool // stats has the counts of the fleet too

	up, machines, heads, archived, assets, bytes, partitions, oldest, waiting, waited *prometheus.Desc
}

func newFleet(s *store.Store, log *slog.Logger) *fleet {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_"+name, help, labels, nil)
	}
	return &fleet{
		store: s, log: log,
		up:         desc("database_up", "1 when the database could be read for this scrape, else 0."),
		machines:   desc("machines", "Known machines, by platform and operating system; a label is empty when no source tells. The rarest of too many systems are other.", "platform", "os_version"),
		heads:      desc("snapshots", "Current snapshots: one for each machine and source."),
		archived:   desc("archived_snapshots", "Snapshots of archived machines."),
		assets:     desc("assets", "Facts in the fleet-wide dictionary; an estimate when there are many."),
		bytes:      desc("database_size_bytes", "Size on disk: of the whole database, of the journal, of the change log.", "part"),
		partitions: desc("partitions_ahead", "Weeks after this one for which the change log has room already."),
		oldest:     desc("database_oldest_transaction_seconds", "Age of the oldest running transaction."),
		waiting:    desc("tasks_waiting", "Background tasks that somebody asked for and nobody works at yet."),
		waited:     desc("task_oldest_waiting_seconds", "Since when the first of those tasks waits; 0 when none does."),
	}
}

// Describe implements prometheus.Collector.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.up, f.machines, f.heads, f.archived, f.assets, f.bytes, f.partitions, f.oldest, f.waiting, f.waited} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counts, counted := f.counts()
	stats, ok := f.current(!counted)
	if ok && !counted {
		counts = index.Counts{OSVersions: stats.OSVersions, Heads: int(stats.Heads), Archived: int(stats.ArchivedHeads)}
	}
	if ok || counted {
		for _, c := range frequent(counts.OSVersions, maxSystems) {
			gauge(f.machines, float64(c.Machines), c.Platform, c.OSVersion)
		}
		gauge(f.heads, float64(counts.Heads))
		gauge(f.archived, float64(counts.Archived))
	}
	if !ok {
		gauge(f.up, 0)
		return
	}
	gauge(f.up, 1)
	gauge(f.assets, float64(stats.Assets))
	gauge(f.bytes, float64(stats.DatabaseBytes), "all")
	gauge(f.bytes, float64(stats.JournalBytes), "journal")
	gauge(f.bytes, float64(stats.ChangeBytes), "changes")
	gauge(f.partitions, float64(stats.PartitionsAhead))
	gauge(f.oldest, stats.OldestTransaction.Seconds())
	gauge(f.waiting, float64(stats.WaitingTasks))
	gauge(f.waited, stats.OldestWaitingTask.Seconds())
}

// counts are the index's; false when there is none, or it is being built.
func (f *fleet) counts() (index.Counts, bool) {
	if f.index == nil {
		return index.Counts{}, false
	}
	counts, err := f.index.Counts()
	return counts, err == nil
}

// current returns what the database says, at most fleetAge old, and on demand its counts of the fleet; false when it did
// not answer.
func (f *fleet) current(count bool) (store.Stats, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.read) < fleetAge && (f.counted || !count) {
		return f.stats, f.ok
	}
	ctx, cancel := context.WithTimeout(context.Background(), fleetLimit) // Prometheus's interface has no context
	defer cancel()
	read := f.store.DatabaseStats
	if count {
		read = f.store.Stats
	}
	stats, err := read(ctx)
	if err != nil {
		f.log.Warn("the database did not say how it is", "err", err)
	}
	f.read, f.ok, f.stats, f.counted = time.Now(), err == nil, stats, count
	return f.stats, f.ok
}
