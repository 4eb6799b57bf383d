// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxTaskError bounds what is kept of why a run failed, in bytes.
const maxTaskError = 2000

const beginTaskSQL = `
UPDATE task SET status = 'STARTED', runs = runs + 1, done = 0, total = 0, result = NULL, file = NULL, headers = NULL,
	started_at = now(), beat_at = now()
WHERE id = $1 AND job = $2 AND ended_at IS NULL
RETURNING ` + taskColumns

// BeginTask notes that a job of the queue begins to work at its task, and returns that. It is ErrNotFound when there is
// nothing to be done: the task has ended, or belongs to another job by now.
func (s *Store) BeginTask(ctx context.Context, id string, job int64) (Task, error) {
	rows, _ := s.pool.Query(ctx, beginTaskSQL, id, job) // its error comes back from CollectExactlyOneRow
	task, err := pgx.CollectExactlyOneRow(rows, scanTask)
	if err != nil {
		return Task{}, fmt.Errorf("begin task %s: %w", id, notFound(err))
	}
	return task, nil
}

const beatTaskSQL = `
UPDATE task SET done = $3, total = $4, beat_at = now() WHERE id = $1 AND job = $2 AND status = 'STARTED'`

// BeatTask notes that a run is alive, and how far it is. It is ErrNotFound when the task is not this job's any more.
func (s *Store) BeatTask(ctx context.Context, id string, job, done, total int64) error {
	return s.execOne(ctx, "progress of task "+id, beatTaskSQL, id, job, done, total)
}

const nameTaskFileSQL = `
UPDATE task SET file = $3 WHERE id = $1 AND job = $2 AND status = 'STARTED'`

// NameTaskFile notes which file a run is going to write, before there is one. It is ErrNotFound when the task is not this
// job's any more.
func (s *Store) NameTaskFile(ctx context.Context, id string, job int64, file string) error {
	return s.execOne(ctx, "file of task "+id, nameTaskFileSQL, id, job, file)
}

// TaskEnd is how a run ended.
type TaskEnd struct {
	Status      TaskStatus
	Done, Total int64
	Result      json.RawMessage // nil: none
	Headers     json.RawMessage // of its file; nil: none is left
	Err         string
	Keep        time.Duration // how long the task is kept from now on, when it is finished
}

const endTaskSQL = `
UPDATE task SET status = $3, done = $4, total = $5, result = $6, headers = $7, error = $8, beat_at = NULL,
	runs = runs - CASE WHEN $3 = 'PENDING' THEN 1 ELSE 0 END, -- stopped through no fault of its own
	file = CASE WHEN $7::json IS NOT NULL THEN file END,
	ended_at = CASE WHEN $9 THEN now() END, expires_at = CASE WHEN $9 THEN now() + $10::interval END
WHERE id = $1 AND job = $2 AND status = 'STARTED'`

// EndTask notes how a run ended: for good, or so that there will be another one. It is ErrNotFound when the task is not
// this job's any more.
func (s *Store) EndTask(ctx context.Context, id string, job int64, end TaskEnd) error {
	return s.execOne(ctx, "end of task "+id, endTaskSQL, id, job, end.Status, end.Done, end.Total, end.Result, end.Headers,
		taskError(end.Err), !end.Status.Unready(), end.Keep)
}

// taskError is what is kept of why a run failed: text that the database can hold.
func taskError(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(text) > maxTaskError {
		text = strings.ToValidUTF8(text[:maxTaskError], "")
	}
	return text
}

const revokeTaskSQL = `
UPDATE task SET status = 'REVOKED', ended_at = now(), expires_at = now() + $2::interval, beat_at = NULL,
	file = NULL, headers = NULL, result = NULL
WHERE id = $1 AND ended_at IS NULL
RETURNING job, name`

// RevokeTask ends a task that is not finished, in one transaction with its job in the queue; false when it has ended.
func (s *Store) RevokeTask(ctx context.Context, id string, keep time.Duration, cancel func(context.Context, pgx.Tx, int64) error) (revoked bool, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var job int64
		var name string
		err := tx.QueryRow(ctx, revokeTaskSQL, id, keep).Scan(&job, &name)
		if errors.Is(notFound(err), ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		revoked = true
		if err := cancel(ctx, tx, job); err != nil {
			return err
		}
		return record(ctx, tx, Audit{Action: "revoked", Object: "task", ObjectID: id, ObjectName: name})
	})
	if err != nil {
		return false, fmt.Errorf("revoke task %s: %w", id, err)
	}
	return revoked, nil
}
