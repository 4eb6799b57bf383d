// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// metersAge is how old what the database said may be: several Prometheus servers cost one reading.
const metersAge = 5 * time.Second

// meters are the metrics of sinks: those of this aggregator's deliveries, and how far each sink has come, whoever
// delivers.
type meters struct {
	store      *store.Store
	log        *slog.Logger
	deliveries *prometheus.CounterVec
	durations  *prometheus.HistogramVec

	gone func() int64 // entries whose events nobody can make any more

	lag, entries, given, disabled, missed, lost *prometheus.Desc

	mu    sync.Mutex
	read  time.Time
	sinks []store.Sink
}

func newMeters(s *store.Store, gone func() int64, log *slog.Logger) *meters {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_sink_"+name, help, []string{"sink"}, nil)
	}
	return &meters{
		store: s, log: log, gone: gone,
		lost: prometheus.NewDesc("rollcall_events_gone_total",
			"Entries of the journal whose events could not be made: the history they point at is gone, or nobody understands them. Read twice, counted twice.", nil, nil),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_sink_deliveries_total", Help: "Attempts of this aggregator to deliver, and events it gave up, by outcome: delivered, failed, dead.",
		}, []string{"sink", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_sink_attempt_duration_seconds", Help: "How long attempts took.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 15},
		}, []string{"sink"}),
		lag:      desc("lag_seconds", "Age of the oldest entry of the journal that the sink has not dealt with; 0: there is none."),
		entries:  desc("lag_entries", "Entries of the journal that the sink has not dealt with, up to 10000."),
		given:    desc("dead_letters", "Events that the sink gave up and that are kept."),
		disabled: desc("disabled", "1 when the receiver said that it is gone, else 0."),
		missed:   desc("missed_timestamp_seconds", "When entries were last trimmed from the journal before the sink had dealt with them; 0: never."),
	}
}

func (m *meters) attempt(sink string, took time.Duration, ok bool) {
	outcome := "failed"
	if ok {
		outcome = "delivered"
	}
	m.deliveries.WithLabelValues(sink, outcome).Inc()
	m.durations.WithLabelValues(sink).Observe(took.Seconds())
}

// time measures an attempt until the function is called that it returns.
func (m *meters) time(sink string) func(ok bool) {
	begun := time.Now()
	return func(ok bool) { m.attempt(sink, time.Since(begun), ok) }
}

func (m *meters) dead(sink string) { m.deliveries.WithLabelValues(sink, "dead").Inc() }

// forget drops what is measured of a sink that is no more.
func (m *meters) forget(sink string) {
	m.deliveries.DeletePartialMatch(prometheus.Labels{"sink": sink})
	m.durations.DeletePartialMatch(prometheus.Labels{"sink": sink})
}

// Describe implements prometheus.Collector.
func (m *meters) Describe(out chan<- *prometheus.Desc) {
	m.deliveries.Describe(out)
	m.durations.Describe(out)
	for _, d := range []*prometheus.Desc{m.lag, m.entries, m.given, m.disabled, m.missed, m.lost} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *meters) Collect(out chan<- prometheus.Metric) {
	m.deliveries.Collect(out)
	m.durations.Collect(out)
	out <- prometheus.MustNewConstMetric(m.lost, prometheus.CounterValue, float64(m.gone()))
	for _, s := range m.current() {
		gauge := func(d *prometheus.Desc, v float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Name)
		}
		gauge(m.lag, s.LagSeconds)
		gauge(m.entries, float64(s.LagEntries))
		gauge(m.given, float64(s.DeadLetters))
		gauge(m.disabled, min(seconds(s.DisabledAt), 1)) // any moment is 1
		gauge(m.missed, seconds(s.MissedAt))
	}
}

// current returns what the database says of the sinks; nothing when it cannot be asked.
func (m *meters) current() []store.Sink {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.read) < metersAge {
		return m.sinks
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit) // a scrape has no context
	defer cancel()
	sinks, err := m.store.Sinks(ctx)
	if err != nil {
		m.log.Warn("sinks cannot be measured", "err", err)
	}
	m.sinks, m.read = sinks, time.Now()
	return sinks
}

func seconds(at *time.Time) float64 {
	if at == nil {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
