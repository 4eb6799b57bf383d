// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxSystems is how many operating systems are told apart: sources say what they like, and every one of them is a series.
const maxSystems = 1000

// otherSystems stands for the versions of a platform that are too rare.
const otherSystems = "other"

// frequent returns the most frequent operating systems, at most limit, and behind them for each platform how many machines
// have another.
func frequent(systems []store.OSVersionCount, limit int) []store.OSVersionCount {
	if len(systems) <= limit {
		return systems
	}
	all := slices.SortedStableFunc(slices.Values(systems), func(a, b store.OSVersionCount) int { return cmp.Compare(b.Machines, a.Machines) })
	kept, rest := all[:limit:limit], map[string]int64{}
	for _, c := range all[limit:] {
		rest[c.Platform] += c.Machines
	}
	for i := range kept {
		if c := &kept[i]; c.OSVersion == otherSystems { // somebody's is called that
			c.Machines += rest[c.Platform]
			delete(rest, c.Platform)
		}
	}
	for _, platform := range slices.Sorted(maps.Keys(rest)) {
		kept = append(kept, store.OSVersionCount{Platform: platform, OSVersion: otherSystems, Machines: rest[platform]})
	}
	return kept
}
