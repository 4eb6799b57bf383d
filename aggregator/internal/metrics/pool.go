// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// pool shows how busy the connections to the database are.
type pool struct {
	store                                          *store.Store
	max, open, inUse, acquired, waited, waitedTime *prometheus.Desc
}

func newPool(s *store.Store) *pool {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_database_"+name, help, nil, nil)
	}
	return &pool{
		store:      s,
		max:        desc("connections_max", "Connections to the database that may be open at once."),
		open:       desc("connections_open", "Connections to the database that are open."),
		inUse:      desc("connections_in_use", "Connections to the database that somebody works with."),
		acquired:   desc("connection_acquisitions_total", "How often a connection was asked for."),
		waited:     desc("connection_waits_total", "How often there was no free connection."),
		waitedTime: desc("connection_wait_seconds_total", "Time spent waiting for connections."),
	}
}

// Describe implements prometheus.Collector.
func (p *pool) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.max, p.open, p.inUse, p.acquired, p.waited, p.waitedTime} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p *pool) Collect(out chan<- prometheus.Metric) {
	st := p.store.PoolStats()
	out <- prometheus.MustNewConstMetric(p.max, prometheus.GaugeValue, float64(st.Max))
	out <- prometheus.MustNewConstMetric(p.open, prometheus.GaugeValue, float64(st.Open))
	out <- prometheus.MustNewConstMetric(p.inUse, prometheus.GaugeValue, float64(st.InUse))
	out <- prometheus.MustNewConstMetric(p.acquired, prometheus.CounterValue, float64(st.Acquired))
	out <- prometheus.MustNewConstMetric(p.waited, prometheus.CounterValue, float64(st.Waited))
	out <- prometheus.MustNewConstMetric(p.waitedTime, prometheus.CounterValue, st.WaitTime.Seconds())
}
