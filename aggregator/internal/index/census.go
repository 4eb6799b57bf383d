// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// ageDays are the limits that a census counts by.
var ageDays = [...]int{1, 7, 14, 30, 45, 90}

// Ages tells how many were seen less than 1, 7, 14, 30, 45 and 90 days ago, each count with those before it, and last
// how many there are at all.
type Ages [len(ageDays) + 1]int

// All is how many there are, whatever their age.
func (a Ages) All() int { return a[len(ageDays)] }

// Add counts others in.
func (a *Ages) Add(others Ages) {
	for i, n := range others {
		a[i] += n
	}
}

// Census counts live heads by when they were seen, all of one moment. Each of its methods looks at what the heads have
// by then, so that counting a large fleet does not hold up who wants to change the index; ErrBuilding when the index was
// forgotten meanwhile. It is for one goroutine.
type Census struct {
	index *Index
	of    *state

	live *roaring.Bitmap
	seen [len(ageDays)]*roaring.Bitmap // live heads that were seen less than so many days ago
}

// Census begins a count of the fleet as of now; ErrBuilding while the index is being built.
func (x *Index) Census(now time.Time) (*Census, error) {
	var c *Census
	err := x.read(func(s *state) { c = newCensus(x, s, now) })
	return c, err
}

func newCensus(x *Index, s *state, now time.Time) *Census {
	var limits [len(ageDays)]time.Time
	for i, days := range ageDays {
		limits[i] = now.Add(-time.Duration(days) * 24 * time.Hour)
	}
	var seen [len(ageDays)][]uint32 // by the first limit that it is within
	seen[0] = make([]uint32, 0, s.live.GetCardinality())
	for _, m := range s.byNumber { // in order, which bitmaps like
		if m == nil || !m.known {
			continue
		}
		for _, h := range m.heads {
			if h.archived {
				continue
			}
			for i := range limits {
				if h.lastSeen.After(limits[i]) {
					seen[i] = append(seen[i], h.ordinal)
					break
				}
			}
		}
	}
	c := &Census{index: x, of: s, live: s.live.Clone()}
	within := roaring.New()
	for i := range c.seen {
		within.AddMany(seen[i])
		c.seen[i] = within.Clone()
	}
	return c
}

// read runs fn over the state that the census began with.
func (c *Census) read(fn func(*state)) error {
	var err error
	if missing := c.index.read(func(s *state) {
		if s != c.of {
			err = ErrBuilding
			return
		}
		fn(s)
	}); missing != nil {
		return missing
	}
	return err
}

// ages counts those of heads that are live.
func (c *Census) ages(heads *roaring.Bitmap) Ages {
	var a Ages
	for i, within := range c.seen {
		a[i] = int(heads.AndCardinality(within))
	}
	a[len(ageDays)] = int(heads.AndCardinality(c.live))
	return a
}

// living returns those of heads that are live: mostly all of them, and then the bitmap itself.
func (c *Census) living(heads *roaring.Bitmap) *roaring.Bitmap {
	if heads.AndCardinality(c.live) == heads.GetCardinality() {
		return heads
	}
	return roaring.And(heads, c.live)
}

// Sources returns the sources with one of the names, which are compared without regard to case, by id.
func (c *Census) Sources(names []string) ([]store.Source, error) {
	var found []store.Source
	err := c.read(func(s *state) {
		for _, source := range s.sources {
			if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, source.Name) }) {
				found = append(found, source)
			}
		}
	})
	slices.SortFunc(found, func(a, b store.Source) int { return int(a.ID) - int(b.ID) })
	return found, err
}

// Tags returns how many machines with a head, archived or not, carry each tag.
func (c *Census) Tags() (map[int64]int, error) {
	counts := map[int64]int{}
	err := c.read(func(s *state) {
		for tag, machines := range s.ofTag {
			counts[tag] = int(machines.GetCardinality())
		}
		for _, m := range s.byNumber {
			if m != nil && !m.known {
				for _, tag := range m.tags {
					counts[tag]++
				}
			}
		}
	})
	return counts, err
}
