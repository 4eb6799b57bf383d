// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Judged is a check and what the index does not know of it.
type Judged struct {
	Check   compliance.Check
	Partly  bool    // some statuses are of an older version
	Current []int64 // machines whose status is of the current version; read when Partly
	Waived  []int64 // machines that are let off
}

// CheckCount tells how the known machines in the scope of a check stand, each once. Waived are those whose status would be
// unknown or failed, were they not let off.
type CheckCount struct {
	OK, Pending, Unknown, Failed, Waived int

	// Statuses are those of the current version, waived or not, by when the machine was seen.
	Statuses map[compliance.Status]Ages
}

// Checks counts how the fleet stands with each check.
func (c *Census) Checks(checks []Judged) ([]CheckCount, error) {
	counts := make([]CheckCount, len(checks))
	err := c.read(func(s *state) {
		scopes := map[string]*roaring.Bitmap{} // many checks have the same
		for i := range checks {
			check := &checks[i].Check
			key := fmt.Sprintf("%q %q %d", strings.ToLower(check.SourceName), check.Platforms, check.Tags)
			if scopes[key] == nil {
				scopes[key] = c.scopeOf(s, check)
			}
			counts[i] = c.check(s, &checks[i], scopes[key])
		}
	})
	return counts, err
}

func (c *Census) check(s *state, j *Judged, scope *roaring.Bitmap) CheckCount {
	n := CheckCount{Statuses: map[compliance.Status]Ages{}, Pending: int(scope.GetCardinality())}
	waived := s.numbers(j.Waived)
	var current *roaring.Bitmap // heads
	if j.Partly {
		current = s.headsOf(s.numbers(j.Current))
	}
	for status, heads := range s.statuses[j.Check.ID] { // a machine has one of them
		heads = c.living(heads)
		if current != nil {
			heads = roaring.And(heads, current)
		}
		if heads.IsEmpty() {
			continue
		}
		n.Statuses[status] = c.ages(heads)
		machines := machinesIn(heads)
		n.Pending -= int(machines.AndCardinality(scope))
		all, off := int(machines.GetCardinality()), int(machines.AndCardinality(waived))
		switch status {
		case compliance.StatusOK:
			n.OK = all
		case compliance.StatusUnknown:
			n.Unknown, n.Waived = all-off, n.Waived+off
		case compliance.StatusFailed:
			n.Failed, n.Waived = all-off, n.Waived+off
		}
	}
	return n
}

// scopeOf returns the known machines that a check applies to, as compliance.Check.InScope has it.
func (c *Census) scopeOf(s *state, check *compliance.Check) *roaring.Bitmap {
	heads := roaring.New()
	for id, source := range s.sources {
		if of := s.ofSource[id]; of != nil && strings.EqualFold(source.Name, check.SourceName) {
			heads.Or(of)
		}
	}
	heads.And(c.live)
	if len(check.Platforms) > 0 {
		heads.And(joined(s.saying.platform, check.Platforms))
	}
	machines := machinesIn(heads)
	if len(check.Tags) > 0 {
		machines = roaring.And(machines, joined(s.ofTag, check.Tags))
	}
	return machines
}

// joined joins the bitmaps of some keys.
func joined[K comparable](of map[K]*roaring.Bitmap, keys []K) *roaring.Bitmap {
	all := roaring.New()
	for _, key := range keys {
		if b := of[key]; b != nil {
			all.Or(b)
		}
	}
	return all
}

// numbers returns the numbers of machines by their ids; the caller owns the bitmap.
func (s *state) numbers(ids []int64) *roaring.Bitmap {
	all := roaring.New()
	for _, id := range ids {
		if m := s.machines[id]; m != nil {
			all.Add(m.number)
		}
	}
	return all
}

// Overall counts known machines by their overall status.
type Overall struct{ None, OK, Unknown, Failed int }

// Compliance is the overall status of the fleet.
type Compliance struct {
	All        Overall
	ByPlatform map[string]Overall
	ByTag      map[int64]Overall
}

// Compliance counts known machines by their overall status.
func (c *Census) Compliance() (Compliance, error) {
	all := Compliance{ByPlatform: map[string]Overall{}, ByTag: map[int64]Overall{}}
	err := c.read(func(s *state) {
		all.All = s.overall(s.known())
		for platform, machines := range s.ofPlatform {
			all.ByPlatform[platform] = s.overall(machines)
		}
		for tag, machines := range s.ofTag {
			all.ByTag[tag] = s.overall(machines)
		}
	})
	return all, err
}

// overall counts some of the known machines.
func (s *state) overall(machines *roaring.Bitmap) Overall {
	of := func(status compliance.Status) int {
		if b := s.ofOverall[status]; b != nil {
			return int(b.AndCardinality(machines))
		}
		return 0
	}
	o := Overall{OK: of(compliance.StatusOK), Unknown: of(compliance.StatusUnknown), Failed: of(compliance.StatusFailed)}
	o.None = int(machines.GetCardinality()) - o.OK - o.Unknown - o.Failed
	return o
}
