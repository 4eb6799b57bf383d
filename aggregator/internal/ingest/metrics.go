// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"time"

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
	refusals    *prometheus.CounterVec

	refusedEnrollments *prometheus.CounterVec

	waits *prometheus.HistogramVec
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
		refusals: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_sync_refusals_total", Help: "Calls whose caller was asked to come again later, by gate and reason.",
		}, []string{"gate", "reason"}),
		refusedEnrollments: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_machine_enrollments_refused_total", Help: "Enrolments that were refused, by reason.",
		}, []string{"reason"}),
		waits: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_sync_queue_wait_seconds", Help: "How long calls waited for their turn, of those that had to, by gate.",
			Buckets: []float64{.0001, .001, .005, .01, .05, .1, .5, 1, 5, 10},
		}, []string{"gate"}),
	}
}

// watch returns what counts the waits and refusals of a gate.
func (m *metrics) watch(gate string) gateWatch {
	waits := m.waits.WithLabelValues(gate)
	return gateWatch{
		waited:  func(d time.Duration) { waits.Observe(d.Seconds()) },
		refused: func(reason string) { m.refusals.WithLabelValues(gate, reason).Inc() },
	}
}

// observe publishes what is looked up when somebody asks.
func (m *metrics) observe(registerer prometheus.Registerer, s *Service) {
	factory := promauto.With(registerer)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rollcall_sync_room_bytes", Help: "Memory that calls under way hold; the most is rollcall_sync_room_limit_bytes.",
	}, func() float64 { return float64(s.room.taken()) })
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rollcall_sync_room_limit_bytes", Help: "Memory that calls under way may hold together.",
	}, func() float64 { return maxRoom })
	for _, g := range s.gates.all() {
		labels := prometheus.Labels{"gate": g.name}
		factory.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_sync_calls_at_work", Help: "Calls that are worked on, by gate.", ConstLabels: labels,
		}, func() float64 { busy, _ := g.load(); return float64(busy) })
		factory.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_sync_calls_queued", Help: "Calls that wait for their turn, by gate.", ConstLabels: labels,
		}, func() float64 { _, waiting := g.load(); return float64(waiting) })
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
