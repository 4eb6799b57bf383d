// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// deadAfter is how long a run may be silent before its aggregator is taken for dead, which is looked at every
	// tendInterval. Should it live after all, its next beat tells it that the task is gone.
	deadAfter    = time.Minute
	tendInterval = 15 * time.Second
	// deadRuns is how often a task is begun before it is taken for what kills the aggregators.
	deadRuns = 5
	// forgetBatch bounds the rows of one transaction.
	forgetBatch = 1000
)

// tend looks after the tasks that somebody asked for, until ctx ends: those of aggregators that died begin anew, those
// whose time is over go, and so do files in this aggregator's folder that belong to none.
func (q *Queue) tend(ctx context.Context) {
	tick := time.NewTicker(q.tending)
	defer tick.Stop()
	failing := false
	for {
		err := q.tendOnce(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			q.log.Error("upkeep of tasks", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (q *Queue) tendOnce(ctx context.Context) error {
	n, err := q.store.RequeueDeadTasks(ctx, store.DeadTasks{
		Kinds: q.kinds, Silent: q.dead, Runs: deadRuns, Err: "the aggregator that worked at it stopped all of a sudden", Keep: q.retention,
		Requeue: q.requeue,
	})
	if err != nil {
		return err
	}
	if n > 0 {
		q.log.Warn("tasks of an aggregator that died", "tasks", n)
	}
	for {
		n, err := q.store.ForgetTasks(ctx, forgetBatch)
		if err != nil {
			return err
		}
		if n < forgetBatch {
			break
		}
	}
	return q.files.sweep(ctx, q.store)
}

// requeue puts a new job into the queue for a task, and ends the one before: it counts as running, if nobody knows where.
func (q *Queue) requeue(ctx context.Context, tx pgx.Tx, t store.DeadTask) (job int64, err error) {
	if _, err := q.client.JobCancelTx(ctx, tx, t.Job); err != nil && !errors.Is(err, river.ErrNotFound) {
		return 0, fmt.Errorf("cancel job %d: %w", t.Job, err)
	}
	return q.insertLaunched(ctx, tx, t.Kind, t.ID)
}
