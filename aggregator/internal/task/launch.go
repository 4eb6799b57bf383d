// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// launchedQueue is the queue of tasks that somebody asked for: long ones, which must not keep the upkeep waiting.
	launchedQueue = "launched"
	// launchedWorkers is how many of them one aggregator works at.
	launchedWorkers = 2
	// launchedLimit bounds a run: the whole history of a large fleet takes hours.
	launchedLimit = 6 * time.Hour
	// launchedAttempts is how often one that fails is tried; somebody waits for its end.
	launchedAttempts = 3
)

// Restricted is implemented by arguments of tasks whose file not everybody may have, be it their own task's: who fetches
// it must still have the permissions, for all machines that the task tells of.
type Restricted interface {
	// Needs lists the permissions, all of which it takes.
	Needs() []auth.Permission
}

// RegisterLaunched says what does the tasks of a kind that people and programs ask for. A task is a row in the database:
// with an owner, its progress while it runs, and what it leaves behind, until its time is over. The context carries the
// owner, without permissions but with the reach that the task was launched with. An error makes the task be tried again
// a few times, from its beginning and with another file; so does the end of its aggregator.
func RegisterLaunched[A Args](q *Queue, do func(ctx context.Context, args A, run *Run) error) {
	var zero A
	q.kinds = append(q.kinds, zero.Kind())
	err := river.AddWorkerSafely(q.workers, &launchedWorker[A]{queue: q, do: do})
	q.wiring = errors.Join(q.wiring, err)
}

// Launch queues a task for the principal of the context and returns its id, a UUID. The name is what the API calls it.
// The same arguments once more are another task.
func Launch[A Args](ctx context.Context, q *Queue, name string, args A) (id string, err error) {
	id = uuid.NewString()
	t := store.NewTask{Kind: args.Kind(), Name: name, Args: args}
	if restricted, ok := any(args).(Restricted); ok {
		t.Needs = restricted.Needs()
	}
	err = q.store.CreateTask(ctx, id, t, func(ctx context.Context, tx pgx.Tx) (int64, error) {
		return q.insertLaunched(ctx, tx, t.Kind, id)
	})
	if err != nil {
		return "", fmt.Errorf("launch: %w", err)
	}
	return id, nil
}

func (q *Queue) insertLaunched(ctx context.Context, tx pgx.Tx, kind, id string) (job int64, err error) {
	inserted, err := q.client.InsertTx(ctx, tx, launchedKind{launched{id}, kind}, &river.InsertOpts{
		Queue: launchedQueue, MaxAttempts: launchedAttempts,
	})
	if err != nil {
		return 0, fmt.Errorf("insert task %s: %w", kind, err)
	}
	return inserted.Job.ID, nil
}

// Revoke ends a task: one that waits at once, one that runs, on whichever aggregator, as soon as it sees that its context
// has ended; false when it is finished. Who may do that is the caller's to ask: see MayRevoke.
func (q *Queue) Revoke(ctx context.Context, id string) (bool, error) {
	return q.store.RevokeTask(ctx, id, q.retention, func(ctx context.Context, tx pgx.Tx, job int64) error {
		_, err := q.client.JobCancelTx(ctx, tx, job)
		if errors.Is(err, river.ErrNotFound) {
			return nil // the queue has forgotten it
		}
		return err
	})
}

// launched are the arguments of the job: all else is in the task's row.
type launched struct {
	Task string `json:"task"`
}

// launchedKind is how a job is inserted without knowing the type of its task's arguments.
type launchedKind struct {
	launched

	kind string
}

// Kind implements river.JobArgs.
func (l launchedKind) Kind() string { return l.kind }

// launchedJob is what a worker gets.
type launchedJob[A Args] struct{ launched }

// Kind implements river.JobArgs.
func (launchedJob[A]) Kind() string {
	var zero A
	return zero.Kind()
}

// launchedWorker runs the tasks of one kind.
type launchedWorker[A Args] struct {
	river.WorkerDefaults[launchedJob[A]]
	queue *Queue
	do    func(context.Context, A, *Run) error
}

// Work implements river.Worker.
func (w *launchedWorker[A]) Work(ctx context.Context, job *river.Job[launchedJob[A]]) error {
	defer w.queue.metrics.started(job.Kind)()
	err := w.queue.perform(ctx, job.JobRow, job.Args.Task, func(ctx context.Context, raw json.RawMessage, run *Run) error {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return fmt.Errorf("arguments of the task: %w", err)
		}
		return w.do(ctx, args, run)
	})
	w.queue.metrics.ended(ctx, job.Kind, err)
	return storable(err)
}

// Timeout implements river.Worker.
func (w *launchedWorker[A]) Timeout(*river.Job[launchedJob[A]]) time.Duration { return launchedLimit }

// NextRetry implements river.Worker: 1 second, then 4.
func (w *launchedWorker[A]) NextRetry(job *river.Job[launchedJob[A]]) time.Time {
	return time.Now().Add(time.Duration(job.Attempt*job.Attempt) * time.Second)
}
