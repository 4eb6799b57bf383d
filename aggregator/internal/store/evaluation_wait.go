// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

const (
	checksToEvaluateSQL = `
SELECT ` + checkColumns + ` FROM jmespath_check
WHERE evaluated_version < version AND ($1::bigint[] IS NULL OR id = ANY ($1))
ORDER BY id`

	// Those that a running task names are left out: it does them, and begins anew elsewhere when its aggregator dies.
	checksLeftSQL = `
SELECT ` + checkColumns + ` FROM jmespath_check
WHERE evaluated_version < version AND id NOT IN (
    SELECT named.id::bigint FROM task, json_array_elements_text(task.args->'checks') AS named(id)
    WHERE task.kind = $1 AND task.status = 'STARTED')
ORDER BY id`

	countChecksToEvaluateSQL = `SELECT count(*) FROM jmespath_check WHERE evaluated_version < version`
)

// ChecksToEvaluate returns those of the checks that have a version which was not evaluated over the whole fleet; nil
// stands for all checks.
func (s *Store) ChecksToEvaluate(ctx context.Context, ids []int64) ([]compliance.Check, error) {
	rows, _ := s.pool.Query(ctx, checksToEvaluateSQL, ids) // its error comes back from CollectRows
	checks, err := pgx.CollectRows(rows, scanCheck)
	if err != nil {
		return nil, fmt.Errorf("checks to evaluate: %w", err)
	}
	return checks, nil
}

// ChecksLeft is ChecksToEvaluate without those that a task of the kind works at; its arguments name them as checks.
func (s *Store) ChecksLeft(ctx context.Context, taskKind string) ([]compliance.Check, error) {
	rows, _ := s.pool.Query(ctx, checksLeftSQL, taskKind) // its error comes back from CollectRows
	checks, err := pgx.CollectRows(rows, scanCheck)
	if err != nil {
		return nil, fmt.Errorf("checks left to evaluate: %w", err)
	}
	return checks, nil
}

// CountChecksToEvaluate returns how many checks ChecksToEvaluate would return.
func (s *Store) CountChecksToEvaluate(ctx context.Context) (n int64, err error) {
	if err = s.pool.QueryRow(ctx, countChecksToEvaluateSQL).Scan(&n); err != nil {
		return 0, fmt.Errorf("count checks to evaluate: %w", err)
	}
	return n, nil
}

// The journal tells readers that the check waits no more.
const markEvaluatedSQL = `
WITH marked AS (
    UPDATE jmespath_check SET evaluated_version = version WHERE id = $1 AND version = $2 AND evaluated_version < version
    RETURNING id
)
INSERT INTO journal (what, detail) SELECT 'check', id::text FROM marked`

// MarkEvaluated notes that a version of a check was evaluated over the whole fleet. A version that is not the newest one
// any more is passed over.
func (s *Store) MarkEvaluated(ctx context.Context, check int64, version int) error {
	if _, err := s.pool.Exec(ctx, markEvaluatedSQL, check, version); err != nil {
		return fmt.Errorf("mark check %d as evaluated: %w", check, err)
	}
	return nil
}

const awaitEvaluationSQL = `
WITH waiting AS (
    UPDATE jmespath_check SET evaluated_version = 0 WHERE id = $1 RETURNING id
)
INSERT INTO journal (what, detail) SELECT 'check', id::text FROM waiting`

// awaitEvaluation notes that what was evaluated of a check is not whole any more.
func (s *Store) awaitEvaluation(ctx context.Context, check int64) error {
	if _, err := s.pool.Exec(ctx, awaitEvaluationSQL, check); err != nil {
		return fmt.Errorf("have check %d wait for its evaluation: %w", check, err)
	}
	return nil
}

// PendingMachine is a machine whose tags changed and that is not judged again yet.
type PendingMachine struct {
	Machine int64
	At      time.Time // of the last change
}

const (
	// queuePendingSQL belongs into the transaction that changes tags. It comes after the lock of the machines.
	queuePendingSQL = `
INSERT INTO pending_evaluation (machine, at)
SELECT n, clock_timestamp() FROM unnest($1::bigint[]) AS n ORDER BY n
ON CONFLICT (machine) DO UPDATE SET at = excluded.at`

	pendingMachinesSQL = `
SELECT machine, at FROM pending_evaluation
WHERE ($1::bigint[] IS NULL OR machine = ANY ($1)) AND machine > $2 AND at <= now() - $3 * interval '1 second'
ORDER BY machine LIMIT $4`

	// A row that somebody holds is being written again.
	dropPendingSQL = `
DELETE FROM pending_evaluation WHERE machine IN (
    SELECT p.machine FROM pending_evaluation p
    JOIN unnest($1::bigint[], $2::timestamptz[]) AS judged(machine, at) ON judged.machine = p.machine AND judged.at = p.at
    ORDER BY p.machine
    FOR UPDATE OF p SKIP LOCKED)`
)

// queuePending notes that the tags of machines, which the transaction has locked, are others now.
func queuePending(batch *pgx.Batch, machines []int64) { batch.Queue(queuePendingSQL, machines) }

// PendingMachines returns machines that wait for their judgement for at least that long, behind the machine after, by id
// and at most limit of them; nil stands for all machines.
func (s *Store) PendingMachines(ctx context.Context, machines []int64, after int64, waiting time.Duration, limit int) ([]PendingMachine, error) {
	rows, _ := s.pool.Query(ctx, pendingMachinesSQL, machines, after, waiting.Seconds(), limit) // its error comes back from CollectRows
	pending, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PendingMachine])
	if err != nil {
		return nil, fmt.Errorf("machines that wait for their judgement: %w", err)
	}
	return pending, nil
}

// DropPending notes that machines were judged as they were when PendingMachines returned them. Those whose tags changed
// since wait on.
func (s *Store) DropPending(ctx context.Context, judged []PendingMachine) error {
	machines, at := make([]int64, len(judged)), make([]time.Time, len(judged))
	for i, p := range judged {
		machines[i], at[i] = p.Machine, p.At
	}
	if _, err := s.pool.Exec(ctx, dropPendingSQL, machines, at); err != nil {
		return fmt.Errorf("drop %d machines that were judged: %w", len(judged), err)
	}
	return nil
}
