// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"math"
	"sync"
	"time"
)

// pace chooses when agents come again. As long as they come evenly, each interval varies by a tenth, so that agents
// that started together drift apart. When many more come than usual, as after an outage, their intervals are drawn from
// half to one and a half of the usual: whatever came in a minute comes evenly the next time. It is safe for concurrent
// use.
type pace struct {
	interval time.Duration

	mu     sync.Mutex
	last   time.Time
	lately float64 // answers a second over some seconds
	usual  float64 // answers a second over some intervals; from 0 at the start, since a start is like an outage
}

const (
	// latelyOver is what lately looks back on.
	latelyOver = 3 * time.Second
	// usualOver is what usual looks back on, in intervals.
	usualOver = 4
	// crowd is how many times the usual rate counts as many; below unnoticed answers a second nothing does.
	crowd     = 2
	unnoticed = 20
	// calmSpread and stormSpread are how far an interval may be from the usual one, as a part of it.
	calmSpread  = 0.1
	stormSpread = 0.5
)

func newPace(interval time.Duration) *pace { return &pace{interval: interval} }

// spread returns the interval until the agent that is answered now, of which that one is usual, comes again. random is
// in [0, 1).
func (p *pace) spread(interval time.Duration, now time.Time, random float64) time.Duration {
	width := calmSpread
	if p.crowded(now) {
		width = stormSpread
	}
	return time.Duration(float64(interval) * (1 + width*(2*random-1)))
}

// crowded counts an answer and tells whether many more were given lately than usual.
func (p *pace) crowded(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := max(now.Sub(p.last).Seconds(), 0)
	p.last = now
	p.lately = counted(p.lately, passed, latelyOver.Seconds())
	p.usual = counted(p.usual, passed, usualOver*p.interval.Seconds())
	return p.lately > crowd*p.usual+unnoticed
}

// counted adds one to a rate over so many seconds that is so many seconds old.
func counted(rate, passed, over float64) float64 { return rate*math.Exp(-passed/over) + 1/over }
