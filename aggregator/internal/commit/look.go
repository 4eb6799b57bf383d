// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// Look is what a check sees of one machine and says of it.
type Look struct {
	DryRunMachine        // OUT_OF_SCOPE where the check does not apply; the value is there all the same
	Tree          []byte // JSON, all of it
}

// Look evaluates a check, of which Validate found nothing wrong, for the machine with that id and serial number as the
// check's source reports it. One that the source does not report, or out of reach, is store.ErrNotFound.
func (c *Committer) Look(ctx context.Context, check compliance.Check, machine int64, serial string) (Look, error) {
	compiled, err := check.Compile()
	if err != nil {
		return Look{}, err
	}
	head, err := c.headOf(ctx, &check, machine, serial)
	if err != nil {
		return Look{}, err
	}
	whole := compiled
	whole.Platforms, whole.Tags = nil, nil
	s, err := c.subjectOf(&head, []compliance.Compiled{whole})
	if err != nil {
		return Look{}, err
	}
	look := Look{DryRunMachine: DryRunMachine{Serial: serial, Previous: head.Previous}}
	err = s.evaluate(ctx, func(_ compliance.Compiled, result compliance.Result) {
		look.Status, look.Value, look.Err = result.Status, valueOf(result, maxShownValue), result.Err
	})
	if err != nil {
		return Look{}, err
	}
	if !check.InScope(head.Source.Name, s.view.added.Platform, head.Tags) {
		look.Status = compliance.StatusOutOfScope
	}
	sections, err := s.view.load(ctx, nil)
	if err != nil {
		return Look{}, err
	}
	look.Tree, err = tree.JSON(sections, s.view.treeKeys())
	return look, err
}

// headOf returns the live head of a machine that stands for it with the check's source.
func (c *Committer) headOf(ctx context.Context, check *compliance.Check, machine int64, serial string) (store.EvaluatedHead, error) {
	sources, err := c.store.SourcesNamed(ctx, check.SourceName)
	if err != nil {
		return store.EvaluatedHead{}, err
	}
	heads, err := c.store.HeadsToEvaluate(ctx, &store.HeadFilter{
		Sources: sources, Machines: []int64{machine}, Look: true, Previous: check.ID, Scope: auth.ReachOf(ctx),
	}, 0, 1)
	if err == nil && len(heads) == 0 {
		err = fmt.Errorf("machine %q of source %q: %w", serial, check.SourceName, store.ErrNotFound)
	}
	if err != nil {
		return store.EvaluatedHead{}, err
	}
	return heads[0], nil
}
