// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Software answers what store.SoftwareCounts answers; ErrBuilding while the index is being built.
func (x *Index) Software(f store.SoftwareFilter) ([]store.Software, error) {
	var found []store.Software
	err := x.read(func(s *state) { found = s.software(f) })
	return found, err
}

// software counts no more than a page: names and versions lie in order.
func (s *state) software(f store.SoftwareFilter) []store.Software {
	k := s.catalog.kinds[f.Kind]
	if k == nil {
		return nil
	}
	var found []store.Software
	names := k.names
	if f.After != nil {
		names = k.namesFrom(f.After.Name)
	}
	query := strings.ToLower(f.Query)
	visible := s.headsIn(f.Scope)
	for _, n := range names {
		if !strings.Contains(n.lower, query) {
			continue
		}
		for _, v := range n.versions {
			if f.After != nil && n.text == f.After.Name && v.text <= f.After.Version {
				continue
			}
			if len(found) == f.Limit {
				return found
			}
			if machines := countMachines(v.heads(), visible); machines > 0 {
				found = append(found, store.Software{Name: n.text, Version: v.text, Machines: machines})
			}
		}
	}
	return found
}

// namesFrom returns the names from one on, in order.
func (k *kind) namesFrom(text string) []*name {
	from, _ := slices.BinarySearchFunc(k.names, text, func(n *name, text string) int { return cmp.Compare(n.text, text) })
	return k.names[from:]
}

// heads returns the heads, archived ones among them, that have any asset of the version. It may be an asset's own
// bitmap.
func (v *version) heads() *roaring.Bitmap {
	var one *roaring.Bitmap
	var several []*roaring.Bitmap
	for _, a := range v.assets {
		switch {
		case a.heads == nil:
		case one == nil:
			one = a.heads
		default:
			several = append(several, a.heads)
		}
	}
	switch {
	case one == nil:
		return roaring.New()
	case several == nil:
		return one
	default:
		return roaring.FastOr(append(several, one)...)
	}
}
