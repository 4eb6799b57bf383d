// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// judgedAtOnce is how many machines are judged before who changes their tags gets an answer.
const judgedAtOnce = 100

// TagMachines changes the tags of machines, and has them judged by the checks that apply to them now: many of them by a
// task. Its refusals are those of the store.
func (c *Committer) TagMachines(ctx context.Context, serials []string, operations []store.TagOperation) (store.Tagged, error) {
	tagged, err := c.store.TagMachines(ctx, serials, operations)
	if err != nil || len(tagged.Changed) == 0 {
		return tagged, err
	}
	if c.queue != nil && len(tagged.Changed) > judgedAtOnce {
		c.launch(ctx, evaluateArgs{Tagged: true})
		return tagged, nil
	}
	err = c.judgePending(context.WithoutCancel(ctx), tagged.Changed, 0) // who asked may be gone, but the tags are others
	return tagged, c.orLater(err)
}

// judgePending judges the machines whose tags changed, or those of them that are given, and that wait for so long.
func (c *Committer) judgePending(ctx context.Context, machines []int64, waiting time.Duration) error {
	after := int64(0)
	for {
		pending, err := c.store.PendingMachines(ctx, machines, after, waiting, evaluatedTogether)
		if err != nil || len(pending) == 0 {
			return err
		}
		some := make([]int64, len(pending))
		for i := range pending {
			some[i] = pending[i].Machine
		}
		if err := c.evaluateTagged(ctx, some); err != nil {
			return err
		}
		if err := c.store.DropPending(ctx, pending); err != nil {
			return err
		}
		after = some[len(some)-1]
	}
}

// evaluateTagged judges some machines whose tags changed by the checks that are limited to tags, and drops what the
// others of those checks said of them.
func (c *Committer) evaluateTagged(ctx context.Context, machines []int64) error {
	stored, err := c.store.AllChecks(ctx)
	if err != nil {
		return err
	}
	limited := slices.DeleteFunc(stored, func(check compliance.Check) bool { return len(check.Tags) == 0 })
	if len(limited) == 0 {
		return nil
	}
	for _, checks := range bySource(limited) {
		r, err := c.roundOf(ctx, checks)
		if err != nil {
			return err
		}
		r.filter.Machines = machines
		if err := r.run(ctx, func(int64) {}); err != nil {
			return err
		}
	}
	// Last: somebody may have taken a tag away again while it was evaluated.
	return c.store.DropUntaggedStatuses(ctx, machines)
}
