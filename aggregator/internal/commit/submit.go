// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"

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
