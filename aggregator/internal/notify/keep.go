// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// keep saves progress and renews the lease until ctx ends or the lease is lost. Whoever could not renew it in time stops
// before somebody else may begin.
func (r *runner) keep(ctx context.Context) error {
	tick := time.NewTicker(r.pace.save)
	defer tick.Stop()
	for saved := r.lease.Position; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if r.store.CurrentEpoch() != r.lease.Epoch {
			return errEpoch
		}
		settled := r.outlet.settled()
		if settled == saved && !r.tally.changed() && time.Since(r.renewed) < r.pace.lease/3 {
			continue
		}
		held, err := r.saveAt(ctx, settled)
		switch {
		case err == nil && !held:
			return errLeaseLost
		case err == nil:
			saved = settled
		case time.Since(r.renewed) > r.pace.lease*2/3:
			r.log.Error("sink is left to others: its lease could not be renewed", "sink", r.name, "err", err)
			return errLeaseLost
		}
	}
}

func (r *runner) save(ctx context.Context) (bool, error) { return r.saveAt(ctx, r.outlet.settled()) }

// saveAt stores progress; false: somebody else has the lease.
func (r *runner) saveAt(ctx context.Context, settled store.Position) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, min(limit, r.pace.lease/4))
	defer cancel()
	begun := time.Now()
	progress := r.tally.take(settled)
	held, err := r.store.SaveSink(ctx, r.lease, progress, r.pace.lease)
	if err != nil {
		r.tally.put(progress)
		return false, err
	}
	r.renewed = begun
	return held, nil
}
