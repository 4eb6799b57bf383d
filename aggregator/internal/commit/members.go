// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// members is a section while it is being put together.
type members struct {
	pack.Section
	count int              // of assets
	fresh []snapshot.Asset // shared: brought, and not in the dictionary when it was asked
	// Shared kinds get their dictionary ids last: the base's ids, with these put in and taken out.
	base           *pack.Section
	added, removed []asset.ID
}

// membersOf verifies one section of a push and computes its content. The ids of a shared section are left open.
func (c *Committer) membersOf(ctx context.Context, s *Section, before *pack.Section) (*members, error) {
	kind, _ := snapshot.KindOf(s.Kind)
	m := &members{Section: pack.Section{Kind: s.Kind, Shared: kind.Shared}, base: &pack.Section{}}
	brought := make([]snapshot.Asset, len(s.Bodies))
	for i, body := range s.Bodies {
		brought[i] = snapshot.Asset{Digest: asset.Of(s.Kind, body), Body: body}
	}
	sortAssets(brought)
	if twice := repeated(brought); twice != nil {
		return nil, invalid(s.Kind, "%v: %s is brought twice", snapshot.ErrPresent, twice.Digest.ID())
	}
	var digests []asset.Digest
	var err error
	if s.Delta {
		digests, err = c.changed(ctx, m, s, before, brought)
	} else {
		digests, err = c.whole(ctx, m, s, brought)
	}
	if err != nil {
		return nil, err
	}
	if kind.Single && len(digests) > 1 {
		return nil, invalid(s.Kind, "%d assets, there is at most one", len(digests))
	}
	m.count = len(digests)
	m.Digest = snapshot.Digest(s.Kind, digests)
	if len(s.Digest) > 0 && !bytes.Equal(m.Digest[:len(asset.ID{})], s.Digest) {
		return nil, invalid(s.Kind, "recomputed digest %s, the push says %x", m.Digest.ID(), s.Digest)
	}
	return m, nil
}

// changed applies a delta to the head's section and returns the digests afterwards, ascending.
func (c *Committer) changed(ctx context.Context, m *members, s *Section, before *pack.Section, brought []snapshot.Asset) ([]asset.Digest, error) {
	if before == nil {
		before = &pack.Section{Kind: s.Kind, Shared: m.Shared}
	}
	have, err := c.digestsOf(ctx, before)
	if err != nil {
		return nil, err
	}
	digests, err := snapshot.Apply(have, s.Removed, digestsOf(brought))
	if err != nil {
		return nil, invalid(s.Kind, "%v", err)
	}
	if !m.Shared {
		kept := slices.DeleteFunc(slices.Clone(before.Facts), func(a snapshot.Asset) bool {
			_, found := slices.BinarySearchFunc(s.Removed, a.Digest.ID(), asset.ID.Compare)
			return found
		})
		m.Facts = append(kept, brought...)
		sortAssets(m.Facts)
		return digests, nil
	}
	m.base, m.removed = before, s.Removed
	_, err = c.resolve(ctx, m, idsOf(brought), brought)
	return digests, err
}

// whole returns the digests of a section that is pushed as it is, ascending.
func (c *Committer) whole(ctx context.Context, m *members, s *Section, brought []snapshot.Asset) ([]asset.Digest, error) {
	if !m.Shared {
		m.Facts = brought
		return digestsOf(brought), nil
	}
	ids := s.IDs
	if ids == nil {
		ids = idsOf(brought)
	}
	return c.resolve(ctx, m, ids, brought)
}

// resolve finds the assets that come into a shared section, in the dictionary or among the brought ones, and returns
// their digests in order. All are ascending.
func (c *Committer) resolve(ctx context.Context, m *members, ids []asset.ID, brought []snapshot.Asset) ([]asset.Digest, error) {
	known, err := c.store.FindAssets(ctx, ids)
	if err != nil {
		return nil, err
	}
	m.added = ids
	digests := make([]asset.Digest, len(ids))
	var missing []asset.ID
	for i, k := range known {
		var body *snapshot.Asset
		if len(brought) > 0 && brought[0].Digest.ID() == ids[i] {
			body, brought = &brought[0], brought[1:]
		}
		switch {
		case k.ID == 0 && body == nil:
			missing = append(missing, ids[i])
		case k.ID == 0:
			digests[i] = body.Digest
			m.fresh = append(m.fresh, *body)
		case body != nil && body.Digest != k.Digest:
			return nil, collision(m.Kind, ids[i])
		case k.Kind != m.Kind:
			return nil, invalid(m.Kind, "asset %s is of kind %s", ids[i], k.Kind)
		default:
			digests[i] = k.Digest
		}
	}
	switch {
	case len(brought) > 0:
		return nil, invalid(m.Kind, "asset %s is brought, but is not among the ids of the section", brought[0].Digest.ID())
	case len(missing) > 0:
		return nil, &MissingError{Kind: m.Kind, IDs: missing}
	}
	return digests, nil
}

// collision is loud: two facts with one short id are an attack, or the end of SHA-256.
func collision(kind string, id asset.ID) error {
	return invalid(kind, "asset %s is known with another digest: refused", id)
}

// digestsOf returns the digests of a stored section, ascending.
func (c *Committer) digestsOf(ctx context.Context, s *pack.Section) ([]asset.Digest, error) {
	if !s.Shared {
		return digestsOf(s.Facts), nil
	}
	digests, err := c.store.AssetDigests(ctx, s.IDs)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", s.Kind, err)
	}
	return sortedDigests(digests), nil
}

// sortedDigests returns the digests in order. Digests are spread evenly, so dealing them out by their first byte leaves
// almost nothing to sort; whoever makes up digests with one first byte has them sorted as usual.
func sortedDigests(digests []asset.Digest) []asset.Digest {
	var next [257]int
	for i := range digests {
		next[int(digests[i][0])+1]++
	}
	for b := 1; b < len(next); b++ {
		next[b] += next[b-1]
	}
	sorted := make([]asset.Digest, len(digests))
	for i := range digests {
		b := digests[i][0]
		sorted[next[b]] = digests[i]
		next[b]++
	}
	for b, start := 0, 0; b < 256; b++ {
		slices.SortFunc(sorted[start:next[b]], asset.Digest.Compare)
		start = next[b]
	}
	return sorted
}

// assignIDs inserts what the dictionary lacks and gives every changed shared section its ids.
func (c *Committer) assignIDs(ctx context.Context, changed []*members) error {
	if err := c.store.PutAssets(ctx, newAssets(changed)); err != nil {
		return err
	}
	for _, m := range changed {
		if !m.Shared {
			continue
		}
		added, err := c.dictionaryIDs(ctx, m, m.added)
		if err != nil {
			return err
		}
		removed, err := c.dictionaryIDs(ctx, m, m.removed)
		if err != nil {
			return err
		}
		m.IDs = m.base.With(added, removed)
	}
	return nil
}

// dictionaryIDs returns the dictionary's ids of assets that it must hold, ascending.
func (c *Committer) dictionaryIDs(ctx context.Context, m *members, ids []asset.ID) ([]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	known, err := c.store.FindAssets(ctx, ids)
	if err != nil {
		return nil, err
	}
	fresh := make(map[asset.ID]asset.Digest, len(m.fresh))
	for _, a := range m.fresh {
		fresh[a.Digest.ID()] = a.Digest
	}
	out := make([]int64, len(known))
	for i, k := range known {
		if k.ID == 0 {
			return nil, fmt.Errorf("asset %s: %w", ids[i], errNotInserted)
		}
		if want, ok := fresh[ids[i]]; ok && want != k.Digest {
			return nil, collision(m.Kind, ids[i])
		}
		out[i] = k.ID
	}
	slices.Sort(out)
	return out, nil
}

var errNotInserted = errors.New("not in the dictionary after its insertion")

func digestsOf(assets []snapshot.Asset) []asset.Digest {
	digests := make([]asset.Digest, len(assets))
	for i := range assets {
		digests[i] = assets[i].Digest
	}
	return digests
}

func idsOf(assets []snapshot.Asset) []asset.ID {
	ids := make([]asset.ID, len(assets))
	for i := range assets {
		ids[i] = assets[i].Digest.ID()
	}
	return ids
}

func sortAssets(assets []snapshot.Asset) {
	slices.SortFunc(assets, func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) })
}

// repeated returns the first asset of a sorted list that has the short id of the one before it.
func repeated(sorted []snapshot.Asset) *snapshot.Asset {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Digest.ID() == sorted[i-1].Digest.ID() {
			return &sorted[i]
		}
	}
	return nil
}
