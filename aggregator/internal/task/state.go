// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// ErrNotFound says that there is no such task, or not any more: finished ones are forgotten after a day, failed ones
// after a week.
var ErrNotFound = errors.New("no such task")

// State is how far a task is.
type State string

// The states of a task. Waiting and Running are the unfinished ones; a task that failed waits before it is tried again.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Task is a job as it stands.
type Task struct {
	ID          int64
	Kind        string
	Args        json.RawMessage
	State       State
	Done, Total int64           // its progress; both 0: it told none
	Result      json.RawMessage // nil: none
	Err         string          // of the last run that failed; empty: none did
	CreatedAt   time.Time
	StartedAt   *time.Time // of the last run
	EndedAt     *time.Time // nil while it is unfinished
}

// Insert queues a job, whose kind must be registered, and returns its id. While one with the same arguments waits or
// runs, there is no second one: its id comes back.
func (q *Queue) Insert(ctx context.Context, args Args) (id int64, err error) {
	inserted, err := q.client.Insert(ctx, args, once(attempts))
	if err != nil {
		return 0, fmt.Errorf("insert task %s: %w", args.Kind(), err)
	}
	return inserted.Job.ID, nil
}

// Get returns a task as it stands; ErrNotFound when there is none.
func (q *Queue) Get(ctx context.Context, id int64) (Task, error) {
	job, err := q.client.JobGet(ctx, id)
	if err != nil {
		return Task{}, fmt.Errorf("task %d: %w", id, notFound(err))
	}
	return taskOf(job), nil
}

// Cancel ends a task: one that waits at once, one that runs, on whichever aggregator, as soon as it sees that its context
// has ended. A finished one stays what it is. ErrNotFound when there is none.
func (q *Queue) Cancel(ctx context.Context, id int64) error {
	if _, err := q.client.JobCancel(ctx, id); err != nil {
		return fmt.Errorf("cancel task %d: %w", id, notFound(err))
	}
	return nil
}

func notFound(err error) error {
	if errors.Is(err, river.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

func taskOf(job *rivertype.JobRow) Task {
	t := Task{
		ID: job.ID, Kind: job.Kind, Args: job.EncodedArgs, State: stateOf(job.State),
		CreatedAt: job.CreatedAt, StartedAt: job.AttemptedAt, EndedAt: job.FinalizedAt,
	}
	var told output
	if raw := job.Output(); raw != nil && json.Unmarshal(raw, &told) == nil { // only a Report writes it
		t.Done, t.Total, t.Result = told.Done, told.Total, told.Result
	}
	if n := len(job.Errors); n > 0 {
		t.Err = job.Errors[n-1].Error
	}
	return t
}

func stateOf(s rivertype.JobState) State {
	switch s {
	case rivertype.JobStateRunning:
		return Running
	case rivertype.JobStateCompleted:
		return Done
	case rivertype.JobStateDiscarded:
		return Failed
	case rivertype.JobStateCancelled:
		return Cancelled
	default: // available, pending, retryable, scheduled
		return Waiting
	}
}
