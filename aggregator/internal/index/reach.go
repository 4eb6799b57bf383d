// SPDX-License-Identifier: Apache-2.0

package index

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// known returns the machines that have a live head.
func (s *state) known() *roaring.Bitmap {
	all := make([]*roaring.Bitmap, 0, len(s.ofPlatform))
	for _, machines := range s.ofPlatform { // each has one, if only ""
		all = append(all, machines)
	}
	return roaring.FastOr(all...)
}

// machinesOf returns the known machines in a scope; the caller owns the bitmap.
func (s *state) machinesOf(scope auth.Scope) *roaring.Bitmap {
	if scope.All() {
		return s.known()
	}
	machines := roaring.New()
	for _, tag := range scope.Tags {
		if of := s.ofTag[tag]; of != nil {
			machines.Or(of)
		}
	}
	return machines
}

// headsIn returns the live heads of the machines in a scope. It may return live itself.
func (s *state) headsIn(scope auth.Scope) *roaring.Bitmap {
	if scope.All() {
		return s.live
	}
	return s.headsOf(s.machinesOf(scope))
}

// headsOf returns the live heads of machines.
func (s *state) headsOf(machines *roaring.Bitmap) *roaring.Bitmap {
	heads := roaring.New()
	if s.live.IsEmpty() {
		return heads
	}
	for layer := int64(0); layer <= int64(s.live.Maximum()>>layerBits); layer++ {
		heads.Or(roaring.AddOffset64(machines, layer<<layerBits))
	}
	heads.And(s.live)
	return heads
}
