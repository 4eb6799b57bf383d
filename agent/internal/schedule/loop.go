// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

const (
	// defaultInterval is used until the aggregator says another.
	defaultInterval = 5 * time.Minute
	// maxInterval is the longest that an aggregator can ask for, so that a mistake at the centre can be taken back.
	maxInterval = 7 * 24 * time.Hour
	// firstBackOff doubles with every failure in a row, up to maxBackOff; the wait is a random part of it.
	firstBackOff = 2 * time.Second
	maxBackOff   = 10 * time.Minute
	// maxCycle is more than a cycle ever takes: every collector and every call has its deadline.
	maxCycle = 30 * time.Minute
	// minWait keeps a random wait from being none.
	minWait = 100 * time.Millisecond
)

// loop decides when the next cycle begins.
type loop struct {
	// cycle collects (fresh) or retries what is pending, and returns the interval that the aggregator wants, 0 for no
	// change, and, with an error, how long it asked to wait, 0 for nothing.
	cycle   func(ctx context.Context, fresh bool) (time.Duration, error)
	fixed   time.Duration  // set by the operator; 0 follows the aggregator
	usual   time.Duration  // until the aggregator says another; 0: defaultInterval
	random  func() float64 // in [0, 1)
	promise func(time.Duration)
}

// run goes round until ctx ends. A wake-up begins a fresh cycle at once.
func (l *loop) run(ctx context.Context, wake <-chan struct{}) {
	if l.random == nil {
		l.random = rand.Float64
	}
	if l.promise == nil {
		l.promise = func(time.Duration) {}
	}
	interval := cmp.Or(l.usual, defaultInterval)
	failures := 0
	fresh := true
	var collected time.Time
	for ctx.Err() == nil {
		if fresh {
			collected = time.Now()
		}
		l.promise(maxCycle)
		wanted, err := l.cycle(ctx, fresh)
		var wait time.Duration
		if err != nil {
			failures++
			wait = l.backOff(failures, wanted)
		} else {
			failures = 0
			if wanted > 0 {
				interval = min(wanted, maxInterval)
			}
			if l.fixed > 0 {
				interval = l.fixed
			}
			wait = l.jitter(interval)
		}
		l.promise(wait + maxCycle)
		if l.pause(ctx, wake, wait) {
			fresh, failures = true, 0
			continue
		}
		fresh = err == nil || time.Since(collected) >= interval
	}
}

// jitter spreads an interval by a tenth to both sides, so that machines started together drift apart.
func (l *loop) jitter(interval time.Duration) time.Duration {
	return time.Duration(float64(interval) * (0.9 + 0.2*l.random()))
}

// backOff returns the wait after a number of failures in a row: a random part of a doubling limit, on top of what the
// aggregator asked for. That is never more than doubled, since the aggregator has spread the agents by then.
func (l *loop) backOff(failures int, asked time.Duration) time.Duration {
	limit := min(firstBackOff<<min(failures-1, 20), maxBackOff)
	if asked > 0 {
		return asked + time.Duration(float64(min(limit, asked))*l.random())
	}
	return max(time.Duration(float64(limit)*l.random()), minWait)
}

// pause waits; true says that a wake-up ended it.
func (l *loop) pause(ctx context.Context, wake <-chan struct{}, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return false
	case <-wake:
		return true
	}
}
