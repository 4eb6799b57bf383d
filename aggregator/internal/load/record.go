// SPDX-License-Identifier: Apache-2.0

package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// slotLength is the grain of a report's shape.
	slotLength = 10 * time.Second
	// maxLatency and digits are the histograms' range, in microseconds, and precision.
	maxLatency = int64(15 * time.Minute / time.Microsecond)
	digits     = 3
	// maxListed bounds lists of what went wrong.
	maxListed = 100
)

// recorder takes down what happens during one verb. It is safe for concurrent use.
type recorder struct {
	started time.Time

	mu         sync.Mutex
	calls      map[string]*series
	operations map[string]*series
	shape      []Slot
	counts     counts
	failures   []string
}

// series is one sort of call or operation.
type series struct {
	count     int64 // errors included
	errors    map[string]int64
	latencies *hdrhistogram.Histogram
}

// counts are what does not belong to one call.
type counts struct {
	skipped, gaveUp                   int64
	conflicts, expectedConflicts      int64
	resyncs, expectedResyncs          int64
	lastDone                          time.Time
	done, operations, refused, errors int64
}

func newRecorder(now time.Time) *recorder {
	return &recorder{started: now, calls: map[string]*series{}, operations: map[string]*series{}}
}

func seriesOf(m map[string]*series, name string) *series {
	s, ok := m[name]
	if !ok {
		s = &series{errors: map[string]int64{}, latencies: hdrhistogram.New(1, maxLatency, digits)}
		m[name] = s
	}
	return s
}

func (s *series) add(took time.Duration) {
	s.count++
	_ = s.latencies.RecordValue(min(max(took.Microseconds(), 1), maxLatency)) // it is within the range
}

// slot returns the part of the shape that now belongs to.
func (r *recorder) slot() *Slot {
	n := int(time.Since(r.started) / slotLength)
	for len(r.shape) <= n {
		r.shape = append(r.shape, Slot{Second: len(r.shape) * int(slotLength/time.Second)})
	}
	return &r.shape[n]
}

// call takes down one call.
func (r *recorder) call(name string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := seriesOf(r.calls, name)
	s.add(took)
	slot := r.slot()
	slot.Calls++
	switch {
	case err == nil:
	case refusalOf(err) != nil:
		s.errors[codeOf(err)]++
		slot.Refusals++
		r.counts.refused++
	default:
		s.errors[codeOf(err)]++
		slot.Errors++
		r.counts.errors++
	}
}

// operation takes down that a machine's turn reached its aim.
func (r *recorder) operation(name string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seriesOf(r.operations, name).add(took)
	r.counts.operations++
	r.counts.done++
	r.counts.lastDone = time.Now()
	r.slot().Done++
}

// passedOver takes down a machine that has nothing to do in this verb.
func (r *recorder) passedOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.done++
}

// skipped takes down a turn of a machine that was still busy.
func (r *recorder) skipped() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.skipped++
}

// gaveUp takes down a machine that could not go on.
func (r *recorder) gaveUp(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.gaveUp++
	if len(r.failures) < maxListed {
		r.failures = append(r.failures, what)
	}
}

// conflict takes down that a credential was frozen; expected where a machine has a copy.
func (r *recorder) conflict(expected bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if expected {
		r.counts.expectedConflicts++
	} else {
		r.counts.conflicts++
	}
}

// resynchronised takes down that a machine was told that its counter is behind.
func (r *recorder) resynchronised(expected bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if expected {
		r.counts.expectedResyncs++
	} else {
		r.counts.resyncs++
	}
}

// now returns the counts so far and the 99th percentile of all operations, for people who watch.
func (r *recorder) now() (counts, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var p99 int64
	for _, s := range r.operations {
		p99 = max(p99, s.latencies.ValueAtQuantile(99))
	}
	return r.counts, time.Duration(p99) * time.Microsecond
}
