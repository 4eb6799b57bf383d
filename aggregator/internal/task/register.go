// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// once lets a job wait or run once at a time, with the same arguments, and be tried once.
func once() *river.InsertOpts {
	return &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished}}
}

// Periodic registers a job that comes by itself: when an aggregator takes the lead, which the first does some seconds
// after its start, and from then on at intervals. It runs on one of the aggregators, and never twice at a time. A run
// that fails is not tried again before its time; what it did so far must do no harm to the next one.
func Periodic[A Args](q *Queue, every time.Duration, args A, do func(context.Context, A) error) {
	q.wiring = errors.Join(q.wiring, river.AddWorkerSafely(q.workers, &worker[A]{queue: q, do: do}))
	_, err := q.client.PeriodicJobs().AddSafely(river.NewPeriodicJob(river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) { return args, once() },
		&river.PeriodicJobOpts{ID: args.Kind(), RunOnStart: true}))
	if err != nil {
		q.wiring = errors.Join(q.wiring, fmt.Errorf("%s: %w", args.Kind(), err))
	}
}

// worker runs the periodic jobs of one kind.
type worker[A Args] struct {
	river.WorkerDefaults[A]
	queue *Queue
	do    func(context.Context, A) error
}

// Work implements river.Worker.
func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	defer w.queue.metrics.started(job.Kind)()
	err := w.do(ctx, job.Args)
	w.queue.metrics.ended(ctx, job.Kind, err)
	return storable(err)
}

// storable returns an error whose text the queue can store: one with a NUL byte would keep it from storing anything.
func storable(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\x00") {
		return err
	}
	return &storableError{err}
}

type storableError struct{ error }

// Error implements error.
func (s *storableError) Error() string { return strings.ReplaceAll(s.error.Error(), "\x00", "?") }

// Unwrap lets errors.Is and As see what is stored.
func (s *storableError) Unwrap() error { return s.error }
