// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"errors"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// EvaluateFleet is the work of the task.
func (c *Committer) EvaluateFleet(ctx context.Context, checks []compliance.Check, progress func(done, total int64)) error {
	return c.evaluateFleet(ctx, checks, progress)
}

// Sweep does what was left, machines that only just got their tags included.
func (c *Committer) Sweep(ctx context.Context) error {
	return errors.Join(c.judgePending(ctx, nil, 0), c.evaluateLeft(ctx, leftArgs{}))
}
