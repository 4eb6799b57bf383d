// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// maxConfigBytes bounds the configuration of a source, which is part of its name and of an index.
const maxConfigBytes = 1 << 10

// Submit commits a whole tree that came through the open door: kinds that it does not hold go.
func (c *Committer) Submit(ctx context.Context, t *tree.Submitted) (Result, error) {
	if len(t.Source.Config) > maxConfigBytes {
		return Result{}, invalid("", "configuration of the source has %d bytes, the limit is %d", len(t.Source.Config), maxConfigBytes)
	}
	source, err := c.store.EnsureSource(ctx, store.Source{Module: t.Source.Module, Name: t.Source.Name, Config: t.Source.Config})
	if err != nil {
		return Result{}, err
	}
	machine, err := c.store.EnsureMachine(ctx, t.SerialNumber)
	if err != nil {
		return Result{}, err
	}
	p := &Push{
		Machine: machine, Serial: t.SerialNumber, Source: source, Complete: true,
		Added: Added{Reference: t.Reference, PublicIP: t.PublicIP, Platform: t.Platform, Type: t.Type},
	}
	if t.LastSeen != nil {
		p.LastSeen = *t.LastSeen
	}
	for kind, section := range t.Sections {
		s := Section{Kind: kind, Bodies: make([][]byte, len(section.Assets))}
		for i := range section.Assets {
			s.Bodies[i] = section.Assets[i].Body
		}
		p.Sections = append(p.Sections, s)
	}
	return c.Push(ctx, p)
}

// EvaluateCheck evaluates a check over every head that it may apply to, and writes the statuses. A head that changes
// meanwhile is evaluated again.
func (c *Committer) EvaluateCheck(ctx context.Context, check compliance.Check) error {
	compiled, err := check.Compile()
	if err != nil {
		return err
	}
	return c.store.EachHeadOfSource(ctx, check.SourceName, func(ctx context.Context, m store.HeadOfMachine) error {
		return c.evaluateHead(ctx, compiled, m)
	})
}

// evaluateHead evaluates one check for one head until the result belongs to the head as it is.
func (c *Committer) evaluateHead(ctx context.Context, check compliance.Compiled, m store.HeadOfMachine) error {
	for range maxAttempts {
		state, sections, err := c.headSections(ctx, m)
		if err != nil || state.ID == 0 {
			return err
		}
		added := AddedOf(sections)
		if !check.InScope(m.Source.Name, added.Platform, state.Tags) {
			return nil
		}
		v := c.view(&Push{Machine: m.Machine, Serial: m.Serial, Source: m.Source}, added, sections)
		statuses, err := v.evaluate(ctx, []compliance.Compiled{check})
		if err != nil {
			return err
		}
		for i := range statuses {
			statuses[i].Head, statuses[i].HeadSeq = state.ID, state.Seq
		}
		done, err := c.store.PutHeadStatuses(ctx, state.ID, state.Seq, statuses)
		if err != nil || done {
			return err
		}
	}
	return store.ErrRetry
}

// headSections reads a head and its folded sections.
func (c *Committer) headSections(ctx context.Context, m store.HeadOfMachine) (store.HeadState, pack.Sections, error) {
	state, err := c.store.LoadHead(ctx, m.Machine, m.Source.ID)
	if err != nil {
		return store.HeadState{}, nil, err
	}
	sections, err := pack.Fold(state.Rows)
	return state, sections, err
}
