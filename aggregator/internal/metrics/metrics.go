// SPDX-License-Identifier: Apache-2.0

// Package metrics is the aggregator's Prometheus registry: the program itself, its connections to the database, and a
// few counts of the fleet. Other packages register their own counters with its Registerer. It refuses to keep history:
// that is Prometheus's work.
package metrics

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Metrics is one registry and what it shows.
type Metrics struct {
	registry *prometheus.Registry
	fleet    *fleet
	log      *slog.Logger
}

// New returns a registry with the metrics of the process and of the fleet. version labels rollcall_build_info.
func New(s *store.Store, version string, log *slog.Logger) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), fleet: newFleet(s, log), log: log}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rollcall_build_info", Help: "Always 1; the label is the version of the aggregator.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build,
		m.fleet,
		newPool(s),
		newReplica(s),
	)
	return m
}

// CountFrom has the fleet counted by the index, which is quicker than the database; without it, and until it is built,
// the database counts. It is called before anything is served.
func (m *Metrics) CountFrom(x *index.Index) { m.fleet.index = x }

// Registerer is where other packages put their own metrics, before anything is served.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// Handler answers scrapes in Prometheus's text format. Who may scrape is for its door to ask.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // a database that is away must not hide the rest
		ErrorLog:      scrapeLog{m.log},
	})
}

// scrapeLog takes what promhttp has to say.
type scrapeLog struct{ log *slog.Logger }

func (l scrapeLog) Println(v ...any) { l.log.Warn("scrape incomplete", "err", v) }
