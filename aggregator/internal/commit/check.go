// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// CreateCheck stores a check, of which Validate found nothing wrong, and evaluates it over the fleet as it is. Its
// refusals are those of the store.
func (c *Committer) CreateCheck(ctx context.Context, check compliance.Check) (compliance.Check, error) {
	created, err := c.store.CreateCheck(ctx, check)
	if err != nil {
		return compliance.Check{}, err
	}
	return created, c.EvaluateChecks(ctx, created)
}

// UpdateCheck replaces the definition of the check with that id, and evaluates it over the fleet as it is where that
// makes a new version of it. Its refusals are those of the store.
func (c *Committer) UpdateCheck(ctx context.Context, check compliance.Check) (compliance.Check, error) {
	updated, evaluate, err := c.store.UpdateCheck(ctx, check)
	if err != nil || !evaluate {
		return updated, err
	}
	return updated, c.EvaluateChecks(ctx, updated)
}

// EvaluateChecks evaluates checks that are stored already, whatever becomes of who asked for it: nobody else would do it.
func (c *Committer) EvaluateChecks(ctx context.Context, checks ...compliance.Check) error {
	for i := range checks {
		if err := c.EvaluateCheck(context.WithoutCancel(ctx), checks[i]); err != nil {
			return fmt.Errorf("evaluate check %d: %w", checks[i].ID, err)
		}
	}
	return nil
}
