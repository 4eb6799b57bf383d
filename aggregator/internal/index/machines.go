// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Counts is the fleet in a few numbers.
type Counts struct {
	OSVersions []store.OSVersionCount // by platform, then version, as store.Stats has them
	Heads      int                    // live ones
	Archived   int                    // heads
	Assets     int                    // of the dictionary
}

// Counts counts the known machines and the heads; ErrBuilding while the index is being built.
func (x *Index) Counts() (Counts, error) {
	var c Counts
	err := x.read(func(s *state) {
		c.Heads = int(s.live.GetCardinality())
		c.Archived = len(s.byHead) - c.Heads
		c.Assets = s.catalog.count
		for of, machines := range s.ofSystem {
			c.OSVersions = append(c.OSVersions, store.OSVersionCount{Platform: of.platform, OSVersion: of.osVersion, Machines: machines})
		}
	})
	slices.SortFunc(c.OSVersions, func(a, b store.OSVersionCount) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.OSVersion, b.OSVersion))
	})
	return c, err
}

// CheckStatuses answers what store.StatusCounts answers; ErrBuilding while the index is being built.
func (x *Index) CheckStatuses() ([]store.StatusCount, error) {
	var counts []store.StatusCount
	err := x.read(func(s *state) {
		for _, check := range slices.Sorted(maps.Keys(s.statuses)) {
			for _, status := range slices.Sorted(maps.Keys(s.statuses[check])) {
				if machines := s.statuses[check][status].AndCardinality(s.live); machines > 0 {
					counts = append(counts, store.StatusCount{Check: check, Status: status, Machines: int64(machines)})
				}
			}
		}
	})
	return counts, err
}
