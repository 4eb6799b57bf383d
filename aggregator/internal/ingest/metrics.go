// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what the protocol does.
type metrics struct {
	calls       *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	checkIns    *prometheus.CounterVec
	pushes      *prometheus.CounterVec
	enrollments prometheus.Counter
	conflicts   prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	factory := promauto.With(registerer) // a nil registerer counts without publishing
	return &metrics{
		calls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_sync_calls_total", Help: "Calls of the sync protocol, by method, listener and code.",
		}, []string{"method", "transport", "code"}),
		durations: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_sync_call_duration_seconds", Help: "How long calls of the sync protocol took, by method.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method"}),
		checkIns: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_check_ins_total", Help: "Check-ins, by answer.",
		}, []string{"outcome"}),
		pushes: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_pushes_total", Help: "Pushes, by call and outcome.",
		}, []string{"call", "outcome"}),
		enrollments: factory.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_machine_enrollments_total", Help: "Machine credentials issued by enrolment.",
		}),
		conflicts: factory.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_machine_conflicts_total", Help: "Times that a credential turned out to be used by two machines.",
		}),
	}
}

func (m *metrics) checkIn(current bool) {
	outcome := "push"
	if current {
		outcome = "current"
	}
	m.checkIns.WithLabelValues(outcome).Inc()
}

func (m *metrics) push(call string, err error) {
	outcome := "committed"
	if err != nil {
		outcome = "refused"
	}
	m.pushes.WithLabelValues(call, outcome).Inc()
}
