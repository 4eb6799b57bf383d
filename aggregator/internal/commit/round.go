// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// round is the evaluation of some checks of one source name outside a commit. What it stores belongs to the heads as
// they are: a head that changes meanwhile is evaluated again.
type round struct {
	committer *Committer
	checks    []compliance.Compiled
	filter    store.HeadFilter
	total     int64
	heads     atomic.Int64 // done so far
}

// judge evaluates the checks for heads and stores the statuses.
func (r *round) judge(ctx context.Context, heads []store.EvaluatedHead) error {
	for range maxAttempts {
		statuses, err := r.evaluate(ctx, heads)
		if err != nil {
			return err
		}
		moved, err := r.committer.store.PutHeadStatuses(ctx, statuses)
		if err != nil || len(moved) == 0 {
			return err
		}
		if heads, err = r.again(ctx, heads, moved); err != nil {
			return err
		}
	}
	return store.ErrRetry
}

// evaluate returns the statuses of heads as they were read.
func (r *round) evaluate(ctx context.Context, heads []store.EvaluatedHead) ([]store.Status, error) {
	subjects, err := r.committer.subjectsOf(ctx, heads, r.checks)
	if err != nil {
		return nil, err
	}
	var statuses []store.Status
	for i := range subjects {
		s := &subjects[i]
		err := s.evaluate(ctx, func(check compliance.Compiled, result compliance.Result) {
			r.committer.numbers.judged(result)
			statuses = append(statuses, store.Status{
				CheckID: check.ID, CheckVersion: check.Version, Machine: s.head.Machine, Head: s.head.ID, HeadSeq: s.head.Seq,
				Status: result.Status,
			})
		})
		if err != nil {
			return nil, err
		}
		s.view = nil // its trees are large
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return statuses, nil
}

// again reads the machines of those heads anew that moved on while they were evaluated.
func (r *round) again(ctx context.Context, heads []store.EvaluatedHead, moved []int64) ([]store.EvaluatedHead, error) {
	f := r.filter
	f.Machines = []int64{}
	for i := range heads {
		if slices.Contains(moved, heads[i].ID) {
			f.Machines = append(f.Machines, heads[i].Machine)
		}
	}
	return r.committer.store.HeadsToEvaluate(ctx, &f, 0, len(f.Machines))
}
