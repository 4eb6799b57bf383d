// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxDeadTasks bounds the tasks that are given new jobs in one transaction.
const maxDeadTasks = 100

const (
	deadTasksSQL = `
SELECT id::text, kind, job, runs FROM task
WHERE status = 'STARTED' AND beat_at < now() - $1::interval AND kind = ANY($2)
ORDER BY beat_at LIMIT $3
FOR UPDATE SKIP LOCKED`

	requeueTaskSQL = `
UPDATE task SET job = $2, status = 'RETRY', file = NULL, beat_at = NULL, error = $3 WHERE id = $1`

	failTaskSQL = `
UPDATE task SET status = 'FAILURE', file = NULL, beat_at = NULL, error = $2, ended_at = now(),
	expires_at = now() + $3::interval WHERE id = $1`
)

// DeadTask is a task whose run nobody has heard of.
type DeadTask struct {
	ID   string
	Kind string
	Job  int64
	Runs int
}

// DeadTasks says which tasks are dead, and what becomes of them.
type DeadTasks struct {
	Kinds  []string      // those that this program knows
	Silent time.Duration // for longer than this nobody has heard of the run
	Runs   int           // those that were begun as often fail
	Err    string        // what is said of why
	Keep   time.Duration // how long a failed one is kept
	// Requeue puts another job into the queue in place of the task's, in the same transaction.
	Requeue func(context.Context, pgx.Tx, DeadTask) (job int64, err error)
}

// RequeueDeadTasks gives the tasks of aggregators that died to others, and returns how many. It is called by every
// aggregator at whatever time.
func (s *Store) RequeueDeadTasks(ctx context.Context, o DeadTasks) (n int, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, deadTasksSQL, o.Silent, o.Kinds, maxDeadTasks) // its error comes back from CollectRows
		dead, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadTask])
		if err != nil {
			return err
		}
		for _, t := range dead {
			if t.Runs >= o.Runs {
				if _, err := tx.Exec(ctx, failTaskSQL, t.ID, o.Err, o.Keep); err != nil {
					return err
				}
				continue
			}
			job, err := o.Requeue(ctx, tx, t)
			if err != nil {
				return fmt.Errorf("task %s: %w", t.ID, err)
			}
			if _, err := tx.Exec(ctx, requeueTaskSQL, t.ID, job, o.Err); err != nil {
				return err
			}
		}
		n = len(dead)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("requeue dead tasks: %w", err)
	}
	return n, nil
}

const forgetTasksSQL = `
DELETE FROM task WHERE id IN (
	SELECT id FROM task WHERE ended_at IS NOT NULL AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
)`

// ForgetTasks deletes finished tasks whose time is over, at most limit, and returns how many.
func (s *Store) ForgetTasks(ctx context.Context, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, forgetTasksSQL, limit)
	if err != nil {
		return 0, fmt.Errorf("forget tasks: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

const keptTaskFilesSQL = `
SELECT file FROM task WHERE file = ANY($1) AND ` + keptTask

// KeptTaskFiles returns those of the files that a task still has.
func (s *Store) KeptTaskFiles(ctx context.Context, files []string) ([]string, error) {
	rows, _ := s.pool.Query(ctx, keptTaskFilesSQL, files) // its error comes back from CollectRows
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("files of tasks: %w", err)
	}
	return kept, nil
}
