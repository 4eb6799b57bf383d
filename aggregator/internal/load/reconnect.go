// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Reconnect is the return of the fleet after an outage.
type Reconnect struct {
	Over    time.Duration // every machine makes its first attempt within it
	Changed float64       // share of them that have a new snapshot to push, 0 to 1
}

// Reconnect lets all enrolled machines come back, each at a random moment: agents that have failed for a while wait a
// random part of ten minutes. Every attempt opens a connection of its own, TCP and TLS handshake included; an agent keeps
// it between attempts, so that refusals cost a little more here than they do for real.
func (r *Runner) Reconnect(ctx context.Context, c Reconnect) (*Report, error) {
	if c.Over <= 0 || c.Changed < 0 || c.Changed > 1 {
		return nil, errors.New("a reconnect storm needs a time above 0 and a share of changes from 0 to 1")
	}
	list, err := r.enrolled()
	if err != nil {
		return nil, err
	}
	r.pool.close() // what was open before the outage
	return r.measured(ctx, "reconnect", len(list), func(ctx context.Context) error {
		comeBack := r.spread(list, c.Over, sameDay)
		return r.dispatch(ctx, func() (job, bool) {
			j, ok := comeBack()
			if ok && r.random.Float64() < c.Changed {
				j.day = nextChange
			}
			return j, ok
		}, func(ctx context.Context, j *job) error {
			own := r.pool.open(j.index)
			defer own.transport.CloseIdleConnections()
			return r.report(ctx, j, own)
		})
	})
}

// spread is a schedule of machines, each at a random moment within a time.
func (r *Runner) spread(list []int, over time.Duration, day int) schedule {
	started := time.Now()
	all := make([]job, 0, len(list))
	for _, i := range list {
		after := time.Duration(r.random.Float64() * float64(over))
		all = append(all, job{index: i, due: started.Add(after), day: day})
	}
	slices.SortFunc(all, func(a, b job) int { return a.due.Compare(b.due) })
	n := 0
	return func() (job, bool) {
		if n == len(all) {
			return job{}, false
		}
		n++
		return all[n-1], true
	}
}
