// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// allows tells whether what is picked is among the values of a machine.
func (f *facet) allows(values []facetItem) bool {
	switch {
	case f.Picked == nil:
		return true
	case *f.Picked == noValue:
		return len(values) == 0
	}
	return slices.ContainsFunc(values, func(v facetItem) bool { return v.key == *f.Picked })
}

// count counts a row that is in the table. Labels are what is counted by, so that a sheet has none twice.
func (f *facet) count(values []facetItem) {
	if len(values) == 0 {
		f.add("", "NULL")
	}
	for _, v := range values {
		if f.Picked == nil || v.key == *f.Picked {
			f.add("="+v.label, v.label)
		}
	}
}

func (f *facet) add(key, label string) {
	c := f.counts[key]
	if c == nil {
		c = &facetCount{label: label}
		f.counts[key] = c
	}
	c.rows++
}

// sorted returns the counts by label; those without a value come last.
func (f *facet) sorted() []*facetCount {
	keys := slices.SortedFunc(maps.Keys(f.counts), func(a, b string) int {
		if a == "" || b == "" {
			return cmp.Compare(b, a)
		}
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	counts := make([]*facetCount, len(keys))
	for i, key := range keys {
		counts[i] = f.counts[key]
	}
	return counts
}
