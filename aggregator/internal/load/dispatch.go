// SPDX-License-Identifier: Apache-2.0

package load

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// firstBackOff doubles with every failure in a row, up to maxBackOff; the wait is a random part of it. They are the
	// agent's.
	firstBackOff = 2 * time.Second
	maxBackOff   = 10 * time.Minute
	minWait      = 100 * time.Millisecond
	// maxFailures is after how many errors of a sort that does not pass a machine gives up.
	maxFailures = 3
	// grace is how long calls under way may take once a verb is called off.
	grace = 10 * time.Second
)

// job is one machine's turn.
type job struct {
	index    int
	due      time.Time // when the turn is to begin or, behind a failure, the next attempt
	began    time.Time // when the turn was due first
	day      int       // the snapshot to report; below 0 until the turn begins, see choose
	pushed   bool
	failures int // in a row
	fatal    int // of them, those that do not pass
	err      error
}

// schedule returns the turns in the order in which they are due, false behind the last.
type schedule func() (job, bool)

// jobs is a heap by due time.
type jobs []*job

func (j jobs) Len() int           { return len(j) }
func (j jobs) Less(a, b int) bool { return j[a].due.Before(j[b].due) }
func (j jobs) Swap(a, b int)      { j[a], j[b] = j[b], j[a] }
func (j *jobs) Push(x any)        { *j = append(*j, x.(*job)) } //nolint:forcetypeassert // heap's interface knows no types

// Pop implements heap.Interface.
func (j *jobs) Pop() any {
	old := *j
	last := old[len(old)-1]
	*j = old[:len(old)-1]
	return last
}

// dispatcher hands turns to workers when they are due, and those that failed again later.
type dispatcher struct {
	runner  *Runner
	next    schedule
	waiting jobs // for their next attempt
	pending *job // the schedule's next, nil when that is over
	work    chan *job
	done    chan *job
	running int
}

// dispatch works off a schedule: do is called for every turn by one of the workers, and again after a pause when its
// error is one that passes. Turns of a machine that is still busy with an earlier one are left out and counted. When ctx
// ends no more turns begin; those under way have a moment to finish.
func (r *Runner) dispatch(ctx context.Context, next schedule, do func(context.Context, *job) error) error {
	d := &dispatcher{runner: r, next: next, work: make(chan *job), done: make(chan *job, r.options.Workers)}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	var workers sync.WaitGroup
	for range r.options.Workers {
		workers.Go(func() {
			for j := range d.work {
				j.err = do(inner, j)
				d.done <- j
			}
		})
	}
	d.run(ctx)
	close(d.work)
	workers.Wait()
	for _, m := range r.machines {
		m.busy = false
	}
	return ctx.Err()
}

// run is the loop of the dispatcher.
func (d *dispatcher) run(ctx context.Context) {
	d.advance()
	for d.pending != nil || len(d.waiting) > 0 || d.running > 0 {
		j, wait := d.first()
		work := d.work
		var timer <-chan time.Time
		if j == nil || wait > 0 {
			work = nil
			if j != nil {
				timer = time.After(wait)
			}
		}
		stop := ctx.Done()
		if ctx.Err() != nil {
			d.pending, d.waiting, work, timer, stop = nil, nil, nil, nil, nil
			if d.running == 0 {
				return
			}
		}
		select {
		case work <- j:
			d.taken(j)
		case finished := <-d.done:
			d.finished(finished)
		case <-timer:
		case <-stop:
		}
	}
}

// first returns the turn that is due first, and how long that is from now.
func (d *dispatcher) first() (*job, time.Duration) {
	j := d.pending
	if len(d.waiting) > 0 && (j == nil || d.waiting[0].due.Before(j.due)) {
		j = d.waiting[0]
	}
	if j == nil {
		return nil, 0
	}
	return j, time.Until(j.due)
}

// advance takes the schedule's next turn.
func (d *dispatcher) advance() {
	d.pending = nil
	for {
		j, ok := d.next()
		if !ok {
			return
		}
		if m := d.runner.machines[j.index]; !m.busy {
			m.busy, j.began = true, j.due
			d.pending = &j
			return
		}
		d.runner.record.skipped()
	}
}

// taken books that a worker has the turn.
func (d *dispatcher) taken(j *job) {
	d.running++
	if j == d.pending {
		d.advance()
		return
	}
	heap.Pop(&d.waiting)
}

// finished books the end of a turn, or when it goes on.
func (d *dispatcher) finished(j *job) {
	d.running--
	if j.err == nil {
		d.runner.machines[j.index].busy = false
		return
	}
	j.failures++
	if !passing(j.err) {
		j.fatal++
	}
	if j.fatal >= maxFailures {
		d.runner.machines[j.index].busy = false
		d.runner.record.gaveUp(fmt.Sprintf("machine %d: %v", j.index, j.err))
		return
	}
	j.due = time.Now().Add(backOff(j.failures, retryAfter(j.err)))
	heap.Push(&d.waiting, j)
}

// backOff returns the wait after a number of failures in a row: a little more than the aggregator asked for, or a random
// part of a doubling limit.
func backOff(failures int, asked time.Duration) time.Duration {
	if asked > 0 {
		return time.Duration(float64(asked) * (1 + rand.Float64()/4))
	}
	limit := min(firstBackOff<<min(failures-1, 20), maxBackOff)
	return max(time.Duration(float64(limit)*rand.Float64()), minWait)
}
