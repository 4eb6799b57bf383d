// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Args are the arguments of a job: a struct that survives encoding/json. Kind names the job and must not change, since
// jobs that wait in the database carry it: lower case, digits and underscores.
type Args interface {
	// Kind is asked of the zero value too.
	Kind() string
}

// unfinished are the states in which a job keeps others with the same arguments away.
var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

// once lets a job wait or run once at a time, with the same arguments.
func once(attempts int) *river.InsertOpts {
	return &river.InsertOpts{MaxAttempts: attempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished}}
}

// Register says what does the jobs of a kind. An error makes the job be tried again some times, later and later; what a
// run did so far must do no harm to the next one.
func Register[A Args](q *Queue, do func(context.Context, A) error) {
	RegisterReporting(q, func(ctx context.Context, args A, _ *Report) error { return do(ctx, args) })
}

// RegisterReporting is Register for a job that tells how far it is, or has a result.
func RegisterReporting[A Args](q *Queue, do func(context.Context, A, *Report) error) {
	err := river.AddWorkerSafely(q.workers, &worker[A]{queue: q, do: do})
	q.wiring = errors.Join(q.wiring, err)
}

// Periodic registers a job that comes by itself: when an aggregator takes the lead, which the first does some seconds
// after its start, and from then on at intervals. It runs on one of the aggregators, and never twice at a time. A run
// that fails is not tried again before its time.
func Periodic[A Args](q *Queue, every time.Duration, args A, do func(context.Context, A) error) {
	Register(q, do)
	_, err := q.client.PeriodicJobs().AddSafely(river.NewPeriodicJob(river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) { return args, once(1) },
		&river.PeriodicJobOpts{ID: args.Kind(), RunOnStart: true}))
	if err != nil {
		q.wiring = errors.Join(q.wiring, fmt.Errorf("%s: %w", args.Kind(), err))
	}
}

// worker runs the jobs of one kind.
type worker[A Args] struct {
	river.WorkerDefaults[A]
	queue *Queue
	do    func(context.Context, A, *Report) error
}

// Work implements river.Worker.
func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	defer w.queue.metrics.started(job.Kind)()
	err := w.do(ctx, job.Args, &Report{client: w.queue.client, job: job.ID})
	w.queue.metrics.ended(ctx, job.Kind, err)
	return err
}
