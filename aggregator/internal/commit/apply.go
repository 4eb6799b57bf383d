// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// MaxAssets bounds the assets of one snapshot: forty times what a large machine has.
const MaxAssets = 100_000

// maxFactBytes bounds the bodies of private facts that live with one head, all of which every commit reads.
const maxFactBytes = 32 << 20

// checkSections refuses what can be refused without the head: unknown kinds, a kind named twice, bodies that are not
// canonical, too many assets.
func checkSections(p *Push) error {
	seen := map[string]bool{}
	var unknown []string
	assets := 0
	for i := range p.Sections {
		s := &p.Sections[i]
		kind, ok := snapshot.KindOf(s.Kind)
		switch {
		case !ok:
			unknown = append(unknown, s.Kind)
			continue
		case seen[s.Kind]:
			return invalid(s.Kind, "named twice")
		case !kind.Shared && len(s.IDs) > 0:
			return invalid(s.Kind, "ids of a private kind: its bodies are needed")
		case kind.Single && len(s.Bodies) > 1:
			return invalid(s.Kind, "%d assets, there is at most one", len(s.Bodies))
		case !rising(s.IDs) || !rising(s.Removed):
			return invalid(s.Kind, "ids are not ascending")
		}
		seen[s.Kind] = true
		assets += max(len(s.IDs), len(s.Bodies))
		if assets > MaxAssets {
			return errTooMany
		}
		if err := checkBodies(kind, s.Bodies); err != nil {
			return err
		}
	}
	if len(unknown) > 0 {
		return &KindError{Kinds: unknown}
	}
	return nil
}

var (
	errTooMany  = &InvalidError{Reason: fmt.Sprintf("too many assets: the limit of a snapshot is %d", MaxAssets), Limit: true}
	errTooLarge = &InvalidError{Reason: fmt.Sprintf("facts of more than %d bytes in one snapshot", maxFactBytes), Limit: true}
)

// rising tells whether every id is above the one before it.
func rising(ids []asset.ID) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i-1].Compare(ids[i]) >= 0 {
			return false
		}
	}
	return true
}

func checkBodies(kind snapshot.Kind, bodies [][]byte) error {
	for i, body := range bodies {
		if err := asset.Validate(body); err != nil {
			return invalid(kind.Name, "body %d: %v", i, err)
		}
		switch {
		case kind.Fact != nil && body[0] != '{':
			return invalid(kind.Name, "body %d: not an object", i)
		case kind.Fact == nil && body[0] != '"' && !asset.IsFreeJSON(kind.Field):
			return invalid(kind.Name, "body %d: not a string", i)
		}
	}
	return nil
}

// apply returns the sections after the push, and puts into the dictionary what it lacks of them. Nothing is put there
// unless every digest is right.
func (c *Committer) apply(ctx context.Context, p *Push, before pack.Sections) (pack.Sections, error) {
	if err := checkBases(p, before); err != nil {
		return nil, err
	}
	after := pack.Sections{}
	if !p.Complete {
		maps.Copy(after, before)
	} else if added := before[pack.KindAdded]; added != nil {
		after[pack.KindAdded] = added
	}
	var changed []*members
	for i := range p.Sections {
		s := &p.Sections[i]
		switch s.State {
		case Keep:
			if kept := before[s.Kind]; kept != nil {
				after[s.Kind] = kept
			}
		case Drop:
			delete(after, s.Kind)
		default:
			m, err := c.membersOf(ctx, s, before[s.Kind])
			if err != nil {
				return nil, err
			}
			after[s.Kind] = &m.Section
			changed = append(changed, m)
		}
	}
	if err := checkTotal(p, after, changed); err != nil {
		return nil, err
	}
	return after, c.assignIDs(ctx, changed)
}

// checkTotal verifies what concerns the snapshot as a whole: its size and, before anything is written, its root.
func checkTotal(p *Push, after pack.Sections, changed []*members) error {
	if root := after.Root(); !p.Root.IsZero() && p.Root != root {
		return invalid("", "recomputed root %s, the push says %s", root, p.Root)
	}
	assets, size := 0, 0
	for _, s := range after {
		assets += max(len(s.IDs), len(s.Facts))
		for i := range s.Facts {
			size += len(s.Facts[i].Body)
		}
	}
	for _, m := range changed {
		if m.Shared { // its ids are assigned later
			assets += m.count
		}
	}
	switch {
	case assets > MaxAssets:
		return errTooMany
	case size > maxFactBytes:
		return errTooLarge
	default:
		return nil
	}
}

// checkBases compares the bases of all deltas with the head at once, so that the agent learns of every difference.
func checkBases(p *Push, before pack.Sections) error {
	var wrong []string
	for i := range p.Sections {
		s := &p.Sections[i]
		if s.State != Set || !s.Delta {
			continue
		}
		var have []byte
		if b := before[s.Kind]; b != nil {
			have = b.Digest[:len(asset.ID{})]
		}
		if !bytes.Equal(have, s.Base) {
			wrong = append(wrong, s.Kind)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &BaseError{Kinds: wrong, Bases: basesOf(before)}
}

// basesOf returns the digests of the sections that belong to the root.
func basesOf(sections pack.Sections) map[string]asset.Digest {
	bases := make(map[string]asset.Digest, len(sections))
	for kind, s := range sections {
		if kind != pack.KindAdded {
			bases[kind] = s.Digest
		}
	}
	return bases
}

// differences compares all sections; kinds are the changed keys of the tree in order.
func differences(before, after pack.Sections) (deltas []pack.Delta, kinds []string) {
	all := map[string]bool{}
	for kind := range before {
		all[kind] = true
	}
	for kind := range after {
		all[kind] = true
	}
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		b, a := before[kind], after[kind]
		if b == a {
			continue // untouched
		}
		d := pack.Diff(b, a)
		if d.Empty() {
			continue
		}
		deltas = append(deltas, d)
		if kind == pack.KindAdded {
			kinds = append(kinds, changedKeys(b, a)...)
			continue
		}
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return deltas, slices.Compact(kinds) // a business unit may be reported as well as known
}

// recorded returns what the change log keeps of deltas. Of a head's first commit it only keeps which kinds came: the
// head, undone back to it, has the rest.
func recorded(deltas []pack.Delta, first bool) []pack.Delta {
	if !first {
		return deltas
	}
	out := make([]pack.Delta, len(deltas))
	for i := range deltas {
		out[i] = pack.Delta{Kind: deltas[i].Kind, Shared: deltas[i].Shared, After: true}
	}
	return out
}

// newAssets returns what the dictionary has to be given for the changed sections.
func newAssets(changed []*members) []store.NewAsset {
	var out []store.NewAsset
	for _, m := range changed {
		for _, a := range m.fresh {
			out = append(out, store.NewAsset{Kind: m.Kind, Asset: a})
		}
	}
	return out
}
