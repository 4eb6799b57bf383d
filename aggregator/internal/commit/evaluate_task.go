// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"errors"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

const (
	// evaluateTask is what the API calls the task.
	evaluateTask = "evaluate_checks"
	// sweepInterval is how soon somebody looks for what was left undone.
	sweepInterval = time.Minute
	// pendingRest is how long machines whose tags changed are left to whoever changed them.
	pendingRest = 30 * time.Second
)

// evaluateArgs are the arguments of the task that evaluates checks over the fleet.
type evaluateArgs struct {
	Checks []int64 `json:"checks,omitempty"`
	Tagged bool    `json:"tagged,omitempty"` // the machines whose tags changed
}

// Kind implements task.Args.
func (evaluateArgs) Kind() string { return "evaluate_checks" }

// leftArgs are those of the job that does what was left.
type leftArgs struct{}

// Kind implements task.Args.
func (leftArgs) Kind() string { return "evaluate_left" }

// EvaluateIn makes evaluations over the fleet background work of a queue that does not run yet. Without one they are
// done before CreateCheck and its like return.
func (c *Committer) EvaluateIn(q *task.Queue) {
	c.queue = q
	task.RegisterLaunched(q, c.evaluateWaiting)
	task.Periodic(q, sweepInterval, leftArgs{}, c.evaluateLeft)
}

// launch asks for a task. What it would have done is done by evaluateLeft when it cannot be had: it is all in the
// database.
func (c *Committer) launch(ctx context.Context, args evaluateArgs) {
	if _, err := task.Launch(context.WithoutCancel(ctx), c.queue, evaluateTask, args); err != nil {
		c.log.Warn("evaluation put off", "err", err)
	}
}

// orLater returns the error of an evaluation that nobody else would do. With a queue somebody does.
func (c *Committer) orLater(err error) error {
	if err != nil && c.queue != nil {
		c.log.Warn("evaluation put off", "err", err)
		return nil
	}
	return err
}

// evaluateWaiting is the task: those of its checks that still wait, as they are now, and with them every other one that
// does. One task of this program evaluates at a time: so the checks of a pack share the readings of the fleet, however
// many tasks they were launched as.
func (c *Committer) evaluateWaiting(ctx context.Context, args evaluateArgs, run *task.Run) error {
	if args.Tagged {
		return c.judgePending(ctx, nil, 0)
	}
	select {
	case c.evaluating <- struct{}{}:
		defer func() { <-c.evaluating }()
	case <-ctx.Done():
		return ctx.Err()
	}
	wanted, err := c.store.ChecksToEvaluate(ctx, args.Checks)
	if err != nil || len(wanted) == 0 {
		return err
	}
	checks, err := c.store.ChecksToEvaluate(ctx, nil)
	if err != nil {
		return err
	}
	return c.evaluateFleet(ctx, checks, run.Progress)
}

// evaluateLeft does what nobody else does: the task could not be launched, was revoked, or failed.
func (c *Committer) evaluateLeft(ctx context.Context, _ leftArgs) error {
	tagged := c.judgePending(ctx, nil, pendingRest)
	select {
	case c.evaluating <- struct{}{}:
		defer func() { <-c.evaluating }()
	default: // it is under way; what it leaves is for the next turn
		return tagged
	}
	checks, err := c.store.ChecksLeft(ctx, evaluateArgs{}.Kind())
	if err == nil {
		err = c.evaluateFleet(ctx, checks, func(int64, int64) {})
	}
	return errors.Join(tagged, err)
}
