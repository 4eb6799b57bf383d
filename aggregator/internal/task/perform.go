// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// beatInterval is how often a run stores its progress, and shows that it is alive.
	beatInterval = time.Second
	// beginAgain is when a job comes back whose task could not be read.
	beginAgain = 5 * time.Second
	// endLimit is how long storing the end of a run may take, also while the aggregator stops.
	endLimit = 5 * time.Second
)

var errNotOurs = errors.New("the task was revoked, or given to another aggregator")

// perform runs a task: from the row it has to the row it leaves behind.
func (q *Queue) perform(ctx context.Context, row *rivertype.JobRow, id string, do func(context.Context, json.RawMessage, *Run) error) error {
	t, err := q.store.BeginTask(ctx, id, row.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it has ended, or has another job by now
	}
	if err != nil {
		return river.JobSnooze(beginAgain)
	}
	run := &Run{queue: q, task: t, job: row.ID}
	working, cancel := context.WithCancel(auth.WithPrincipal(ctx, ownerOf(t)))
	defer cancel()
	stopped := q.beat(working, cancel, run)
	err = q.guard(working, func(ctx context.Context) error { return do(ctx, t.Args, run) })
	var headers json.RawMessage
	if err == nil {
		headers, err = run.keepFile()
	}
	cancel() // only now: a large file takes a while to get to the disk
	stopped()
	return q.end(ctx, row, run, headers, err)
}

// ownerOf is the principal as which a task runs: it changes nothing as anybody else, and sees no further.
func ownerOf(t store.Task) auth.Principal {
	return auth.Principal{Kind: auth.Kind(t.Owner.Kind), ID: t.Owner.ID, Name: t.Owner.Name, Reach: t.Scope}
}

// guard turns a panic into an error, so that the task does not stay begun for ever.
func (q *Queue) guard(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("panic in a task", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do(ctx)
}

// beat stores the progress of a run until its context ends, and ends that when the task is not the run's any more. What
// it returns waits for its end.
func (q *Queue) beat(ctx context.Context, cancel func(), run *Run) (wait func()) {
	var beating sync.WaitGroup
	beating.Go(func() {
		tick := time.NewTicker(beatInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := q.store.BeatTask(ctx, run.task.ID, run.job, run.done.Load(), run.total.Load())
			if errors.Is(err, store.ErrNotFound) {
				run.lost.Store(true)
				cancel()
				return
			}
			// A database that is away for a moment is not the run's affair.
		}
	})
	return beating.Wait
}

// end stores how a run ended, with the headers of its file if it went well, and returns what the queue has to know of it.
func (q *Queue) end(ctx context.Context, row *rivertype.JobRow, run *Run, headers json.RawMessage, failed error) error {
	end := store.TaskEnd{Status: store.TaskSuccess, Done: run.done.Load(), Total: run.total.Load(), Keep: q.retention}
	if failed == nil {
		end.Result, end.Headers = run.result, headers
	} else {
		run.dropFile()
		end.Err = failed.Error()
	}
	switch {
	case failed == nil:
	case run.lost.Load() || errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return river.JobCancel(errNotOurs)
	case errors.Is(ctx.Err(), context.Canceled): // the aggregator stops
		end.Status, end.Err, failed = store.TaskPending, "", ctx.Err()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		q.log.Error("task took too long", "task", row.Kind, "id", run.task.ID, "limit", launchedLimit)
		end.Status, end.Err = store.TaskFailure, fmt.Sprintf("it took longer than %s", launchedLimit)
		failed = river.JobCancel(failed)
	case errors.Is(failed, errNoRoom):
		q.log.Error("task failed", "task", row.Kind, "id", run.task.ID, "err", failed)
		end.Status, failed = store.TaskFailure, river.JobCancel(failed)
	case row.Attempt >= row.MaxAttempts:
		end.Status = store.TaskFailure
	default:
		end.Status = store.TaskRetry
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	err := q.store.EndTask(ending, run.task.ID, run.job, end)
	if err == nil {
		return failed
	}
	run.dropFile()
	if errors.Is(err, store.ErrNotFound) {
		return river.JobCancel(errNotOurs)
	}
	return errors.Join(failed, err)
}
