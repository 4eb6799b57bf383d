// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// CreateCheck stores a check, of which Validate found nothing wrong, and has it evaluated over the fleet as it is: see
// EvaluateChecks. Its refusals are those of the store.
func (c *Committer) CreateCheck(ctx context.Context, check compliance.Check) (compliance.Check, error) {
	created, err := c.store.CreateCheck(ctx, check)
	if err != nil {
		return compliance.Check{}, err
	}
	return created, c.EvaluateChecks(ctx, created)
}

// UpdateCheck replaces the definition of the check with that id, and has it evaluated over the fleet as it is where that
// makes a new version of it. Its refusals are those of the store.
func (c *Committer) UpdateCheck(ctx context.Context, check compliance.Check) (compliance.Check, error) {
	updated, evaluate, err := c.store.UpdateCheck(ctx, check)
	if err != nil || !evaluate {
		return updated, err
	}
	return updated, c.EvaluateChecks(ctx, updated)
}

// EvaluateChecks has checks that are stored already evaluated over the fleet, whatever becomes of who asked for it: by a
// task of who asked, or before it returns where there is no queue.
func (c *Committer) EvaluateChecks(ctx context.Context, checks ...compliance.Check) error {
	if len(checks) == 0 {
		return nil
	}
	if c.queue != nil {
		args := evaluateArgs{}
		for i := range checks {
			args.Checks = append(args.Checks, checks[i].ID)
		}
		c.launch(ctx, args)
		return nil
	}
	if err := c.evaluateFleet(context.WithoutCancel(ctx), checks, func(int64, int64) {}); err != nil {
		return fmt.Errorf("evaluate %d checks: %w", len(checks), err)
	}
	return nil
}
