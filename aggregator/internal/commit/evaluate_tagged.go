// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// TagMachines changes the tags of machines, and has them judged by the checks that apply to them now. Its refusals are
// those of the store.
func (c *Committer) TagMachines(ctx context.Context, serials []string, operations []store.TagOperation) (store.Tagged, error) {
	tagged, err := c.store.TagMachines(ctx, serials, operations)
	if err != nil || len(tagged.Changed) == 0 {
		return tagged, err
	}
	return tagged, c.evaluateTagged(context.WithoutCancel(ctx), tagged.Changed) // nobody else would do it
}

// evaluateTagged judges machines whose tags changed by the checks that are limited to tags, and drops what the others
// of those checks said of them.
func (c *Committer) evaluateTagged(ctx context.Context, machines []int64) error {
	stored, err := c.store.AllChecks(ctx)
	if err != nil {
		return err
	}
	checks := slices.DeleteFunc(stored, func(check compliance.Check) bool { return len(check.Tags) == 0 })
	if len(checks) == 0 {
		return nil
	}
	for some := range slices.Chunk(machines, evaluatedTogether) {
		heads, err := c.store.HeadsOfMachines(ctx, some)
		if err != nil {
			return err
		}
		for i := range checks {
			if err := c.evaluateHeads(ctx, &checks[i], heads); err != nil {
				return fmt.Errorf("evaluate check %d: %w", checks[i].ID, err)
			}
		}
		// Last: somebody may have taken a tag away again while it was evaluated.
		if err := c.store.DropUntaggedStatuses(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// evaluateHeads evaluates one check for those of the heads that are of its source.
func (c *Committer) evaluateHeads(ctx context.Context, check *compliance.Check, heads []store.HeadOfMachine) error {
	compiled, err := check.Compile()
	if err != nil {
		c.log.Error("check left out", "check", check.ID, "name", check.Name, "err", err)
		return nil
	}
	e := &evaluation{committer: c, check: compiled}
	e.forget()
	for _, head := range heads {
		if !strings.EqualFold(head.Source.Name, check.SourceName) {
			continue
		}
		if err := e.add(ctx, head); err != nil {
			return err
		}
	}
	return e.flush(ctx)
}
