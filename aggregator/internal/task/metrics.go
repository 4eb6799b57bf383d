// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts the runs on this aggregator.
type metrics struct {
	runs      *prometheus.CounterVec
	durations *prometheus.HistogramVec
	running   *prometheus.GaugeVec
	success   *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	factory := promauto.With(registerer) // a nil registerer counts without publishing
	return &metrics{
		runs: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_task_runs_total", Help: "Runs of background tasks on this aggregator, by task and outcome: done, failed or stopped.",
		}, []string{"task", "outcome"}),
		durations: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_task_duration_seconds", Help: "How long runs of background tasks took, by task.",
			Buckets: []float64{.01, .1, 1, 10, 60, 600, 3600},
		}, []string{"task"}),
		running: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rollcall_tasks_running", Help: "Background tasks that run on this aggregator, by task.",
		}, []string{"task"}),
		success: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rollcall_task_last_success_timestamp_seconds", Help: "When a background task last succeeded on this aggregator, by task.",
		}, []string{"task"}),
	}
}

// started counts a run; what it returns ends it, also when the run panics.
func (m *metrics) started(kind string) (ended func()) {
	start := time.Now()
	m.running.WithLabelValues(kind).Inc()
	return func() {
		m.running.WithLabelValues(kind).Dec()
		m.durations.WithLabelValues(kind).Observe(time.Since(start).Seconds())
	}
}

// ended counts how a run ended. One that was cancelled, or whose aggregator stops, did not fail.
func (m *metrics) ended(ctx context.Context, kind string, err error) {
	switch {
	case err == nil:
		m.runs.WithLabelValues(kind, "done").Inc()
		m.success.WithLabelValues(kind).SetToCurrentTime()
	case errors.Is(ctx.Err(), context.Canceled):
		m.runs.WithLabelValues(kind, "stopped").Inc()
	default:
		m.runs.WithLabelValues(kind, "failed").Inc()
	}
}
