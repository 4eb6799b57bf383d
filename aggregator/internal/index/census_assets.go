// SPDX-License-Identifier: Apache-2.0

package index

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Counted is how many of something one source tells of. Of a source and a machine there is one head, so that heads are
// machines here.
type Counted struct {
	Source   store.Source
	Asset    int64  // of Assets
	Name     string // of Versions and Instances
	Version  string // of Versions and Instances
	Platform string // of Assets and Active: of the snapshot
	Type     string // of Active, and of Versions that are told apart by it: of the snapshot
	Ages     Ages
}

// Versions counts the machines that have each version of the named assets of a kind; byType tells the types of machines
// apart.
func (c *Census) Versions(kind string, names []string, sources []store.Source, byType bool) ([]Counted, error) {
	var found []Counted
	err := c.each(kind, names, sources, func(s *state, source store.Source, within *roaring.Bitmap, n *name, v *version) {
		of := undivided
		if byType {
			of = s.saying.kind
		}
		c.divided(roaring.And(v.heads(), within), of, func(machineType string, ages Ages) {
			found = append(found, Counted{Source: source, Name: n.text, Version: v.text, Type: machineType, Ages: ages})
		})
	})
	return found, err
}

// undivided divides heads into one part.
var undivided = map[string]*roaring.Bitmap{"": nil}

// divided counts the parts of heads that are not empty.
func (c *Census) divided(heads *roaring.Bitmap, of map[string]*roaring.Bitmap, fn func(string, Ages)) {
	for key, only := range of {
		part := heads
		if only != nil {
			part = roaring.And(heads, only)
		}
		if ages := c.ages(part); ages.All() > 0 {
			fn(key, ages)
		}
	}
}

// Instances counts the named assets of a kind that machines have: a machine with two of one version counts twice.
func (c *Census) Instances(kind string, names []string, sources []store.Source) ([]Counted, error) {
	var found []Counted
	err := c.each(kind, names, sources, func(_ *state, source store.Source, within *roaring.Bitmap, n *name, v *version) {
		row := Counted{Source: source, Name: n.text, Version: v.text}
		for _, a := range v.assets {
			if a.heads != nil {
				row.Ages.Add(c.ages(roaring.And(a.heads, within)))
			}
		}
		if row.Ages.All() > 0 {
			found = append(found, row)
		}
	})
	return found, err
}

// each goes through the versions of named assets, for each source with its live heads.
func (c *Census) each(kind string, names []string, sources []store.Source, fn func(*state, store.Source, *roaring.Bitmap, *name, *version)) error {
	return c.read(func(s *state) {
		k := s.catalog.kinds[kind]
		if k == nil {
			return
		}
		for _, source := range sources {
			within := c.liveOf(s, source)
			for _, text := range names {
				n := k.byName[text]
				if n == nil {
					continue
				}
				for _, v := range n.versions {
					fn(s, source, within, n, v)
				}
			}
		}
	})
}

// liveOf returns the live heads of a source.
func (c *Census) liveOf(s *state, source store.Source) *roaring.Bitmap {
	if of := s.ofSource[source.ID]; of != nil {
		return roaring.And(of, c.live)
	}
	return roaring.New()
}

// Assets counts the machines that have each of some assets, by their dictionary ids; byPlatform tells the platforms of
// snapshots apart.
func (c *Census) Assets(ids []int64, sources []store.Source, byPlatform bool) ([]Counted, error) {
	var found []Counted
	err := c.read(func(s *state) {
		of := undivided
		if byPlatform {
			of = s.saying.platform
		}
		for _, source := range sources {
			within := c.liveOf(s, source)
			for _, id := range ids {
				if a := s.catalog.asset(id); a != nil && a.heads != nil && a.heads.Intersects(within) {
					c.divided(roaring.And(a.heads, within), of, func(platform string, ages Ages) {
						found = append(found, Counted{Source: source, Asset: id, Platform: platform, Ages: ages})
					})
				}
			}
		}
	})
	return found, err
}

// Active counts machines by what their snapshots say of platform and type.
func (c *Census) Active(sources []store.Source) ([]Counted, error) {
	var found []Counted
	err := c.read(func(s *state) {
		for _, source := range sources {
			within := c.liveOf(s, source)
			for platform, of := range s.saying.platform {
				c.divided(roaring.And(within, of), s.saying.kind, func(machineType string, ages Ages) {
					found = append(found, Counted{Source: source, Platform: platform, Type: machineType, Ages: ages})
				})
			}
		}
	})
	return found, err
}

// Mark is how far somebody has read the assets of a kind; the zero Mark: not at all.
type Mark struct{ forgets, count int }

// NewAssets returns the dictionary ids of the assets of a kind that came in behind a mark, in no order, and the mark
// behind them. Anew says that the index was forgotten since, and that the ids are all there are. It is for the kinds whose
// names do not tell enough: os_version and osx_app_instances.
func (c *Census) NewAssets(kind string, after Mark) (ids []int64, next Mark, anew bool, err error) {
	err = c.read(func(s *state) {
		next = Mark{forgets: c.index.forgets}
		anew = after.forgets != next.forgets
		k := s.catalog.kinds[kind]
		if k == nil {
			return
		}
		if anew {
			after.count = 0
		}
		ids = append(ids, k.ids[min(after.count, len(k.ids)):]...)
		next.count = len(k.ids)
	})
	return ids, next, anew, err
}
