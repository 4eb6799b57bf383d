// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// replica shows how exports get along with the replica; nothing where there is none.
type replica struct {
	store                                   *store.Store
	used, lag, batches, conflicts, fallback *prometheus.Desc
}

func newReplica(s *store.Store) *replica {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_replica_"+name, help, nil, nil)
	}
	return &replica{
		store:     s,
		used:      desc("used", "1 while exports are read from the replica, 0 while they are read from the primary."),
		lag:       desc("lag_seconds", "How far the replica is behind the primary at the most, as far as is known."),
		batches:   desc("batches_total", "Batches of exports that the replica answered."),
		conflicts: desc("conflicts_total", "Batches of exports that replay on the replica cut off."),
		fallback:  desc("fallbacks_total", "Batches of exports that the replica failed and the primary was asked for."),
	}
}

// Describe implements prometheus.Collector.
func (r *replica) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{r.used, r.lag, r.batches, r.conflicts, r.fallback} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (r *replica) Collect(out chan<- prometheus.Metric) {
	stats, ok := r.store.ReplicaStats()
	if !ok {
		return
	}
	used := 0.0
	if stats.Used {
		used = 1
	}
	out <- prometheus.MustNewConstMetric(r.used, prometheus.GaugeValue, used)
	out <- prometheus.MustNewConstMetric(r.lag, prometheus.GaugeValue, stats.Lag.Seconds())
	out <- prometheus.MustNewConstMetric(r.batches, prometheus.CounterValue, float64(stats.Batches))
	out <- prometheus.MustNewConstMetric(r.conflicts, prometheus.CounterValue, float64(stats.Conflicts))
	out <- prometheus.MustNewConstMetric(r.fallback, prometheus.CounterValue, float64(stats.Fallbacks))
}
