// SPDX-License-Identifier: Apache-2.0

package index

import (
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	versions "github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// enough is after how many bitmaps it is worth asking whether every head is found already.
const enough = 256

// asset returns the known machines with a piece of software of which all terms are true.
func (e *evaluation) asset(terms filter.Asset) *roaring.Bitmap {
	u := union{live: e.state.live, found: roaring.New()}
	for k := range e.state.catalog.software {
		if all(terms, filter.SoftwareKind, k.name) {
			e.ofKind(k, terms, &u)
		}
	}
	return u.machines()
}

func (e *evaluation) ofKind(k *kind, terms filter.Asset, u *union) {
	for _, n := range k.names {
		if !all(terms, filter.SoftwareName, n.lower) {
			continue
		}
		for _, v := range n.versions {
			if !versionHolds(terms, k.name, v.text) {
				continue
			}
			for _, a := range v.assets {
				if u.add(a.heads); u.full {
					return
				}
			}
		}
	}
}

// union collects heads until all live ones are found.
type union struct {
	live, found *roaring.Bitmap
	added       int
	full        bool
}

// machines ends the collection.
func (u *union) machines() *roaring.Bitmap {
	u.found.And(u.live)
	return machinesIn(u.found)
}

func (u *union) add(heads *roaring.Bitmap) {
	if heads == nil {
		return
	}
	u.found.Or(heads)
	if u.added++; u.added%enough == 0 {
		u.full = u.found.AndCardinality(u.live) == u.live.GetCardinality()
	}
}

// all tells whether every term about the field is true of a text in lower case.
func all(terms filter.Asset, field filter.Field, lower string) bool {
	for _, t := range terms {
		if t.Field == field && t.Value.Match(lower) == (t.Op == filter.Differs) {
			return false
		}
	}
	return true
}

// versionHolds tells whether every term about versions is true of one. What the order of the kind does not understand,
// or a kind that has none, is neither older nor newer than anything.
func versionHolds(terms filter.Asset, kind, text string) bool {
	for _, t := range terms {
		if t.Field != filter.SoftwareVersion {
			continue
		}
		if t.Op == filter.Matches || t.Op == filter.Differs {
			if t.Value.Match(strings.ToLower(text)) == (t.Op == filter.Differs) {
				return false
			}
			continue
		}
		bound, _ := t.Value.Exact() // the parser takes no others
		order, err := versions.Compare(kind, text, bound)
		if err != nil || !ordered(t.Op, order) {
			return false
		}
	}
	return true
}
