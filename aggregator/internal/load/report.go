// SPDX-License-Identifier: Apache-2.0

package load

import (
	"maps"
	"slices"
	"time"
)

// Report is what one verb did and what it cost. As JSON it is for programs, Table is for people.
type Report struct {
	Verb            string    `json:"verb"`
	StartedAt       time.Time `json:"started_at"`
	DurationSeconds float64   `json:"duration_seconds"`
	Machines        int       `json:"machines"` // of the fleet
	Seed            uint64    `json:"seed"`
	Transport       string    `json:"transport"`
	Connections     int64     `json:"connections"` // open at the end
	Dials           int64     `json:"dials"`
	BytesUp         int64     `json:"bytes_up"` // on the sockets, TLS and HTTP/2 included
	BytesDown       int64     `json:"bytes_down"`

	// Calls are single calls. The first of a turn counts from the moment at which the machine was due.
	Calls []Series `json:"calls"`
	// Operations are turns that reached their aim, from the moment at which the machine was due, waiting included.
	Operations []Series `json:"operations"`
	Shape      []Slot   `json:"shape"` // in slots of ten seconds
	// LastDoneSeconds is when the last machine reached its aim.
	LastDoneSeconds float64 `json:"last_done_seconds"`

	Skipped           int64    `json:"turns_skipped"` // the machine was still busy with its last one
	Conflicts         int64    `json:"conflicts"`     // of machines without a copy: there should be none
	ExpectedConflicts int64    `json:"expected_conflicts"`
	Resyncs           int64    `json:"resynchronisations"`
	ExpectedResyncs   int64    `json:"expected_resynchronisations"`
	GaveUp            int64    `json:"gave_up"`
	Failures          []string `json:"failures,omitempty"` // the first hundred

	Usage    []Usage            `json:"usage"`
	Database map[string]Measure `json:"database,omitempty"` // from the aggregator's /metrics

	Verification *Verification   `json:"verification,omitempty"`
	Idle         *ConnectionCost `json:"connection_cost,omitempty"`
}

// Series is one sort of call or operation. Latencies are in milliseconds.
type Series struct {
	Name      string           `json:"name"`
	Count     int64            `json:"count"`
	PerSecond float64          `json:"per_second"`
	Errors    map[string]int64 `json:"errors,omitempty"` // by code and reason
	P50       float64          `json:"p50_ms"`
	P90       float64          `json:"p90_ms"`
	P99       float64          `json:"p99_ms"`
	P999      float64          `json:"p999_ms"`
	Max       float64          `json:"max_ms"`
}

// Slot is what happened in ten seconds.
type Slot struct {
	Second   int   `json:"second"`
	Calls    int64 `json:"calls"`
	Refusals int64 `json:"refusals"` // with a reason that the machine acts on
	Errors   int64 `json:"errors"`
	Done     int64 `json:"done"` // machines that reached their aim
}

// Usage is what one part of the system used. Resident sizes are at the end.
type Usage struct {
	Who             string  `json:"who"` // aggregator, postgres or fleetsim
	Processes       int     `json:"processes"`
	CPUSeconds      float64 `json:"cpu_seconds"`
	Cores           float64 `json:"cores"`
	CPUMilliseconds float64 `json:"cpu_ms_per_operation"`
	RSSBytes        int64   `json:"rss_bytes"`
	PeakRSSBytes    int64   `json:"peak_rss_bytes,omitempty"` // since the process began; not known for PostgreSQL
}

// Measure is a value before and after.
type Measure struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Verification is what the aggregator holds of the fleet.
type Verification struct {
	Current int `json:"current"`
	// Ahead are machines of which the aggregator holds a later snapshot than this program had noted when it was killed.
	Ahead int `json:"ahead"`
	// Contended are machines with a copy, and copies; all are current, some under a new identity.
	Contended  int      `json:"contended"`
	NotCurrent int      `json:"not_current"`
	Unanswered int      `json:"unanswered"`                 // machines that gave up
	List       []string `json:"not_current_list,omitempty"` // the first hundred
}

// ConnectionCost is what an idle connection takes of the aggregators' memory, the kernel's share apart. It is the growth
// over the second half of the connections: the first ones may live in memory that was free within the process.
type ConnectionCost struct {
	Connections         int   `json:"connections"`
	RSSBefore           int64 `json:"rss_before_bytes"`
	RSSHalf             int64 `json:"rss_with_half_bytes"`
	RSSAfter            int64 `json:"rss_after_bytes"`
	BytesPerConnection  int64 `json:"bytes_per_connection"`
	BytesFor100Thousand int64 `json:"bytes_for_100000_connections"`
}

// fill takes what a recorder took down.
func (r *Report) fill(rec *recorder, elapsed time.Duration) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	r.StartedAt, r.DurationSeconds = rec.started.UTC().Truncate(time.Millisecond), elapsed.Seconds()
	r.Calls, r.Operations = seriesList(rec.calls, elapsed), seriesList(rec.operations, elapsed)
	r.Shape = slices.Clone(rec.shape)
	c := rec.counts
	if !c.lastDone.IsZero() {
		r.LastDoneSeconds = c.lastDone.Sub(rec.started).Seconds()
	}
	r.Skipped, r.GaveUp, r.Failures = c.skipped, c.gaveUp, slices.Clone(rec.failures)
	r.Conflicts, r.ExpectedConflicts = c.conflicts, c.expectedConflicts
	r.Resyncs, r.ExpectedResyncs = c.resyncs, c.expectedResyncs
}

func seriesList(all map[string]*series, elapsed time.Duration) []Series {
	out := make([]Series, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		at := func(percent float64) float64 { return milliseconds(s.latencies.ValueAtQuantile(percent)) }
		out = append(out, Series{
			Name: name, Count: s.count, PerSecond: float64(s.count) / elapsed.Seconds(), Errors: maps.Clone(s.errors),
			P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: milliseconds(s.latencies.Max()),
		})
	}
	return out
}

func milliseconds(micros int64) float64 { return float64(micros) / 1000 }

// Count returns how many operations of that name reached their aim.
func (r *Report) Count(operation string) int64 {
	for _, s := range r.Operations {
		if s.Name == operation {
			return s.Count
		}
	}
	return 0
}

// operations counts all turns that reached their aim.
func (r *Report) operations() int64 {
	var n int64
	for _, s := range r.Operations {
		n += s.Count
	}
	return n
}
