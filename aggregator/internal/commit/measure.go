// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// pendingLimit bounds the question for checks that wait: metrics are asked for by somebody who does not wait for long.
const pendingLimit = 2 * time.Second

// numbers count evaluations outside commits on this aggregator.
type numbers struct {
	machines  *prometheus.CounterVec
	durations prometheus.Histogram
}

func newNumbers(registerer prometheus.Registerer) *numbers {
	factory := promauto.With(registerer) // a nil registerer counts without publishing
	n := &numbers{
		machines: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_evaluation_machines_total",
			Help: "Evaluations of a check for a machine over the stored fleet on this aggregator, by outcome: ok, failed, unknown, or budget when it took too many steps.",
		}, []string{"outcome"}),
		durations: factory.NewHistogram(prometheus.HistogramOpts{
			Name: "rollcall_evaluation_duration_seconds", Help: "How long evaluations of checks over the stored fleet took on this aggregator.",
			Buckets: []float64{.1, 1, 5, 30, 120, 600, 3600},
		}),
	}
	for _, outcome := range []string{"ok", "failed", "unknown", "budget"} {
		n.machines.WithLabelValues(outcome)
	}
	return n
}

// judged counts one result.
func (n *numbers) judged(result compliance.Result) {
	outcome := "unknown"
	switch {
	case errors.Is(result.Err, compliance.ErrBudget):
		outcome = "budget"
	case result.Status == compliance.StatusOK:
		outcome = "ok"
	case result.Status == compliance.StatusFailed:
		outcome = "failed"
	}
	n.machines.WithLabelValues(outcome).Inc()
}

// ran counts an evaluation over the fleet.
func (n *numbers) ran(begin time.Time) { n.durations.Observe(time.Since(begin).Seconds()) }

// Measure publishes how evaluations over the fleet go. It is for before the first one.
func (c *Committer) Measure(registerer prometheus.Registerer) {
	c.numbers = newNumbers(registerer)
	registerer.MustRegister(&waiting{c.store})
}

// waiting is the number of checks that wait for their evaluation, as the database has it.
type waiting struct{ store *store.Store }

var waitingDesc = prometheus.NewDesc("rollcall_evaluation_pending_checks",
	"Checks whose newest version is not yet evaluated over the whole fleet.", nil, nil)

// Describe implements prometheus.Collector.
func (*waiting) Describe(out chan<- *prometheus.Desc) { out <- waitingDesc }

// Collect implements prometheus.Collector. Without an answer there is no number.
func (w *waiting) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), pendingLimit)
	defer cancel()
	if n, err := w.store.CountChecksToEvaluate(ctx); err == nil {
		out <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(n))
	}
}
