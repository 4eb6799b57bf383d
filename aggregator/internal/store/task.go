// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// TaskStatus is how far a task is.
type TaskStatus string

// The statuses of a task. The first three are the unfinished ones.
const (
	TaskPending TaskStatus = "PENDING"
	TaskStarted TaskStatus = "STARTED"
	TaskRetry   TaskStatus = "RETRY" // a run failed; there will be another one
	TaskSuccess TaskStatus = "SUCCESS"
	TaskFailure TaskStatus = "FAILURE"
	TaskRevoked TaskStatus = "REVOKED"
)

// Unready tells whether the task is not finished.
func (s TaskStatus) Unready() bool { return s == TaskPending || s == TaskStarted || s == TaskRetry }

// TaskOwner is who asked for a task.
type TaskOwner struct {
	Kind string // as in the audit log; system: nobody
	ID   int64  // 0: it has none
	Name string
}

// Task is background work that somebody asked for.
type Task struct {
	ID          string // UUID
	Job         int64  // of the queue
	Kind        string
	Name        string
	Args        json.RawMessage
	Owner       TaskOwner
	Needs       []auth.Permission // what its file takes
	Scope       auth.Scope        // the machines that it tells of
	Status      TaskStatus
	Runs        int
	Done, Total int64           // rows, or whatever it counts; the total is what is expected, and 0 when that is not known
	Result      json.RawMessage // nil: none
	File        string          // its name in the folder of exports; "": none
	Headers     json.RawMessage // of the file; nil: none
	Err         string          // why the last run failed
	CreatedAt   time.Time
	StartedAt   *time.Time // of the last run
	EndedAt     *time.Time // nil: it is not finished
	ExpiresAt   *time.Time // when it is forgotten
}

// NewTask is what a task is created with.
type NewTask struct {
	Kind  string
	Name  string
	Args  any // encoded as JSON
	Needs []auth.Permission
}

const createTaskSQL = `
INSERT INTO task (id, job, kind, name, args, owner_kind, owner_id, owner_name, needs, scope)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
WHERE (SELECT count(*) FROM task WHERE owner_kind = $6 AND owner_id IS NOT DISTINCT FROM $7 AND owner_name = $8 AND ended_at IS NULL) < $11`

// maxUnfinishedTasks is how many tasks of one owner may wait or run, so that nobody fills the queue for all others.
const maxUnfinishedTasks = 200

// ErrTooManyTasks says that an owner has to wait for its tasks before it launches more.
var ErrTooManyTasks = errors.New("too many unfinished tasks")

// CreateTask stores a task of the principal of the context under an id that the caller made, in one transaction with
// its job in the queue. It is ErrTooManyTasks when the principal has too many already.
func (s *Store) CreateTask(ctx context.Context, id string, t NewTask, queue func(context.Context, pgx.Tx) (job int64, err error)) error {
	args, err := json.Marshal(t.Args)
	if err != nil {
		return fmt.Errorf("arguments of task %s: %w", t.Kind, err)
	}
	scope, err := json.Marshal(auth.ReachOf(ctx))
	if err != nil {
		return fmt.Errorf("scope of task %s: %w", t.Kind, err)
	}
	kind, owner, name := actorOf(ctx)
	needs := append([]auth.Permission{}, t.Needs...)
	return s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		job, err := queue(ctx, tx)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, createTaskSQL, id, job, t.Kind, t.Name, args, kind, owner, name, needs, scope, maxUnfinishedTasks)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrTooManyTasks
		}
		if err != nil {
			return fmt.Errorf("create task %s: %w", t.Kind, err)
		}
		return record(ctx, tx, Audit{Action: "created", Object: "task", ObjectID: id, ObjectName: t.Name, After: json.RawMessage(args)})
	})
}

const (
	taskColumns = `
id::text, job, kind, name, args, owner_kind, coalesce(owner_id, 0), owner_name, needs, scope, status, runs, done, total,
result, coalesce(file, ''), headers, error, created_at, started_at, ended_at, expires_at`

	// A task whose time is over is gone, also before its row is.
	keptTask = `(expires_at IS NULL OR expires_at > now())`

	oneTaskSQL = `
SELECT ` + taskColumns + ` FROM task WHERE id = $1 AND ` + keptTask
)

// Task returns a task by its id, whoever it belongs to; ErrNotFound when there is none, or none any more.
func (s *Store) Task(ctx context.Context, id string) (Task, error) {
	rows, _ := s.pool.Query(ctx, oneTaskSQL, id) // its error comes back from CollectExactlyOneRow
	task, err := pgx.CollectExactlyOneRow(rows, scanTask)
	if err != nil {
		return Task{}, fmt.Errorf("task %s: %w", id, notFound(err))
	}
	return task, nil
}

// TaskKey is a place in a list of tasks; the zero one is its beginning.
type TaskKey struct {
	CreatedAt time.Time
	ID        string
}

const listTasksSQL = `
SELECT ` + taskColumns + ` FROM task
WHERE ($1 OR (owner_kind = $2 AND owner_id IS NOT DISTINCT FROM $3 AND ($3 IS NOT NULL OR owner_name = $4)))
	AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6::uuid)) AND ` + keptTask + `
ORDER BY created_at DESC, id DESC LIMIT $7`

// ListTasks returns the tasks of an owner, or with everybody's those of all, the newest first, behind a place and at most
// limit.
func (s *Store) ListTasks(ctx context.Context, owner TaskOwner, everybody bool, after TaskKey, limit int) ([]Task, error) {
	var ownerID *int64
	if owner.ID != 0 {
		ownerID = &owner.ID
	}
	var at *time.Time
	var id *string
	if after.ID != "" {
		at, id = &after.CreatedAt, &after.ID
	}
	rows, _ := s.pool.Query(ctx, listTasksSQL, everybody, owner.Kind, ownerID, owner.Name, at, id, limit) // its error comes back from CollectRows
	tasks, err := pgx.CollectRows(rows, scanTask)
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return tasks, nil
}

func scanTask(row pgx.CollectableRow) (Task, error) {
	var t Task
	var scope []byte
	err := row.Scan(&t.ID, &t.Job, &t.Kind, &t.Name, &t.Args, &t.Owner.Kind, &t.Owner.ID, &t.Owner.Name, &t.Needs, &scope,
		&t.Status, &t.Runs, &t.Done, &t.Total, &t.Result, &t.File, &t.Headers, &t.Err, &t.CreatedAt, &t.StartedAt, &t.EndedAt, &t.ExpiresAt)
	if err != nil {
		return Task{}, err
	}
	if err := json.Unmarshal(scope, &t.Scope); err != nil {
		return Task{}, fmt.Errorf("scope of task %s: %w", t.ID, err)
	}
	return t, nil
}
