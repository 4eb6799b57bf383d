// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// kindInterfaces is one that add_machine does without, but the type of a machine follows from it.
const kindInterfaces = "network_interfaces"

// firstKinds are the kinds that add_machine takes. Install times are many: they are read where rows have some.
var firstKinds = sync.OnceValue(func() []string {
	kinds := []string{pack.KindAdded, kindInterfaces}
	for _, k := range snapshot.Kinds() {
		if k.Name != snapshot.KindInstallTimes && !event.LeftOut(k.Name) {
			kinds = append(kinds, k.Name)
		}
	}
	return kinds
})

// loadFirsts reads what heads held after their first change.
func (p *page) loadFirsts(ctx context.Context) error {
	if !p.matcher.Wants(event.TypeAddMachine) {
		return nil
	}
	var heads []int64
	for key := range p.changes {
		if key.Seq == 1 {
			heads = append(heads, key.Head)
		}
	}
	if len(heads) == 0 {
		return nil
	}
	slices.Sort(heads)
	var err error
	if p.firsts, err = p.feed.store.FirstSnapshots(ctx, heads, firstKinds()); err != nil {
		return err
	}
	for head, sections := range p.firsts {
		if !timed(sections) {
			continue
		}
		moment, err := p.feed.store.SectionsAtSeq(ctx, head, 1)
		if notKept(err) { // since they were read
			delete(p.firsts, head)
			continue
		}
		if err != nil {
			return err
		}
		if times := moment.Sections[snapshot.KindInstallTimes]; times != nil {
			sections[snapshot.KindInstallTimes] = times
		}
	}
	return nil
}

// timed reports whether rows of the sections may have install times.
func timed(sections pack.Sections) bool {
	for kind, s := range sections {
		if len(s.IDs)+len(s.Facts) > 0 && timeField(kind) != "" {
			return true
		}
	}
	return false
}

// first makes the event of a first snapshot.
func (p *page) first(maker *event.Maker, e *store.JournalEntry, serial string, source store.Source) error {
	if !p.matcher.Wants(event.TypeAddMachine) {
		maker.Machine(nil)
		return nil
	}
	sections, ok := p.firsts[e.Head]
	if !ok {
		p.feed.miss(e)
		maker.Skip()
		return nil
	}
	loaded, err := p.loaded(sections)
	if err != nil {
		return err
	}
	keys := commit.AddedOf(sections)
	added := tree.Added{
		Source:       tree.Source{Module: source.Module, Name: source.Name, Config: source.Config},
		SerialNumber: serial, Reference: keys.Reference, PublicIP: keys.PublicIP,
		Platform: keys.Platform, Type: keys.Type, BusinessUnit: keys.BusinessUnit,
	}
	if platform, kind := tree.Infer(loaded); platform != "" || kind != "" {
		if platform != "" {
			added.Platform = platform
		}
		if kind != "" {
			added.Type = kind
		}
	}
	delete(loaded, kindInterfaces)
	body, err := tree.JSON(loaded, added)
	if err != nil {
		return err
	}
	maker.Machine(body)
	return nil
}

// loaded returns sections with their bodies.
func (p *page) loaded(sections pack.Sections) (snapshot.Sections, error) {
	out := snapshot.Sections{}
	for kind, s := range sections {
		if kind == pack.KindAdded {
			continue
		}
		section := &snapshot.Section{Kind: kind, Assets: s.Facts}
		if s.Shared {
			section.Assets = make([]snapshot.Asset, 0, len(s.IDs))
			for _, id := range s.IDs {
				a, ok := p.bodies[id]
				if !ok {
					return nil, fmt.Errorf("%s: asset %d: %w", kind, id, store.ErrNoAsset)
				}
				section.Assets = append(section.Assets, a)
			}
			slices.SortFunc(section.Assets, func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) })
		}
		out[kind] = section
	}
	return out, nil
}
