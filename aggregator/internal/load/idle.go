// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// settle is how long memory has to settle before it is read.
const settle = 5 * time.Second

// Connections opens a number of connections, one machine after the other checks in over each once, and measures what
// the aggregators hold for them while they are idle. The aggregators have to run on this machine.
func (r *Runner) Connections(ctx context.Context, count int) (*Report, error) {
	list, err := r.enrolled()
	if err != nil {
		return nil, err
	}
	if count < 2 {
		return nil, errors.New("at least two connections")
	}
	cost := ConnectionCost{Connections: count}
	report, err := r.measured(ctx, "connections", count, func(ctx context.Context) error {
		if err := r.warm(ctx, list); err != nil {
			return err
		}
		return r.fillIdle(ctx, list, &cost)
	})
	if err == nil {
		report.Idle = &cost
	}
	return report, err
}

// fillIdle opens the connections in two steps, reads the aggregators' memory around them, and closes them.
func (r *Runner) fillIdle(ctx context.Context, list []int, cost *ConnectionCost) error {
	var lanes []*lane
	defer func() {
		for _, l := range lanes {
			l.transport.CloseIdleConnections()
		}
	}()
	var err error
	if cost.RSSBefore, err = r.settled(ctx); err != nil {
		return err
	}
	half := cost.Connections / 2
	for _, step := range []struct {
		count int
		rss   *int64
	}{{half, &cost.RSSHalf}, {cost.Connections - half, &cost.RSSAfter}} {
		opened, err := r.openIdle(ctx, list, step.count)
		lanes = append(lanes, opened...)
		if err != nil {
			return err
		}
		if *step.rss, err = r.settled(ctx); err != nil {
			return err
		}
	}
	const thousands = 100_000
	cost.BytesPerConnection = max(cost.RSSAfter-cost.RSSHalf, 0) / int64(cost.Connections-half)
	cost.BytesFor100Thousand = thousands * cost.BytesPerConnection
	return nil
}

// warm checks in once over the shared connections, so that what the first calls leave behind is not counted.
func (r *Runner) warm(ctx context.Context, list []int) error {
	const most = 500
	return r.dispatch(ctx, paced(list[:min(len(list), most)], 0, sameDay), func(ctx context.Context, j *job) error {
		return r.report(ctx, j, r.pool.lane(j.index))
	})
}

// settled waits a moment and returns the resident size of the aggregators.
func (r *Runner) settled(ctx context.Context) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(settle):
	}
	s, err := r.newSampler().read()
	if err == nil && len(s.aggregators) == 0 {
		err = errors.New("no aggregator listens on this machine: name it with --aggregator-pid")
	}
	if err != nil {
		return 0, fmt.Errorf("memory of the aggregator: %w", err)
	}
	return s.aggregatorRSS, nil
}

// openIdle opens the connections, in rounds so that no machine works twice at once, and returns those that were used.
func (r *Runner) openIdle(ctx context.Context, list []int, count int) ([]*lane, error) {
	var mu sync.Mutex
	var lanes []*lane
	for opened := 0; opened < count; {
		part := list[:min(len(list), count-opened)]
		err := r.dispatch(ctx, paced(part, 0, sameDay), func(ctx context.Context, j *job) error {
			own := r.pool.open(j.index)
			err := r.report(ctx, j, own)
			mu.Lock()
			defer mu.Unlock()
			lanes = append(lanes, own)
			return err
		})
		if err != nil {
			return lanes, err
		}
		opened += len(part)
	}
	return lanes, nil
}
