// SPDX-License-Identifier: Apache-2.0

package index

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	versions "github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// Wanted asks for machines that have a piece of software; zero fields choose all.
type Wanted struct {
	Kind string // a shared kind; needed
	Name string // exactly; needed

	Version        string // exactly as it is written
	LT, LE, GT, GE string // bounds of the version, in the order of the kind, which has to have one: version.Supports

	Platform string     // of the machine, as in the snapshot tree
	Type     string     // of the machine, as in the snapshot tree
	Source   string     // name of the source that has to say so
	Tag      int64      // that the machine carries
	Scope    auth.Scope // that it has to be in

	After string // serial number of the last machine of the page before
	Limit int    // at most so many
}

// Found is a page of the machines that have it.
type Found struct {
	Holders   []Holder // by serial number
	Total     int      // machines, on all pages
	Unordered []string // versions that some known machine has and the kind's order cannot place: none of Holders for those
}

// Holder is a machine and which of the wanted versions it has, by text.
type Holder struct {
	Machine  store.Machine
	Versions []string
}

// With returns the known machines that have what is wanted; ErrBuilding while the index is being built. A machine that
// has it in several versions or from several sources comes once.
func (x *Index) With(w Wanted) (Found, error) {
	var found Found
	err := x.read(func(s *state) { found = s.with(w) })
	return found, err
}

func (s *state) with(w Wanted) Found {
	var found Found
	k := s.catalog.kinds[w.Kind]
	if k == nil || k.byName[w.Name] == nil {
		return found
	}
	visible := s.visible(w)
	var wanted []*version
	var bitmaps []*roaring.Bitmap
	for _, v := range k.byName[w.Name].versions {
		heads := v.heads()
		if !heads.Intersects(visible) {
			continue
		}
		switch within, err := w.within(v.text); {
		case err != nil:
			found.Unordered = append(found.Unordered, v.text)
		case within:
			wanted, bitmaps = append(wanted, v), append(bitmaps, heads)
		}
	}
	machines := s.matching(w, machinesIn(roaring.And(roaring.FastOr(bitmaps...), visible)))
	found.Total = int(machines.GetCardinality())
	var page []*machine
	for _, m := range s.behind(w.After) {
		if len(page) == w.Limit {
			break
		}
		if machines.Contains(m.number) {
			page = append(page, m)
		}
	}
	found.Holders = s.holders(page, visible, wanted, bitmaps)
	return found
}

// holders tells which of the wanted versions the visible heads of machines have. It goes through the versions, not
// through those of every machine: there may be a hundred thousand.
func (s *state) holders(machines []*machine, visible *roaring.Bitmap, wanted []*version, bitmaps []*roaring.Bitmap) []Holder {
	holders := make([]Holder, len(machines))
	holderOf := map[uint32]*Holder{} // by ordinal
	heads := roaring.New()
	for i, m := range machines {
		holders[i].Machine = s.listed(m)
		for _, h := range m.heads {
			if visible.Contains(h.ordinal) {
				holderOf[h.ordinal] = &holders[i]
				heads.Add(h.ordinal)
			}
		}
	}
	for i, v := range wanted {
		for it := roaring.And(bitmaps[i], heads).Iterator(); it.HasNext(); {
			of := holderOf[it.Next()]
			if n := len(of.Versions); n == 0 || of.Versions[n-1] != v.text {
				of.Versions = append(of.Versions, v.text)
			}
		}
	}
	return holders
}

// visible returns the heads that may answer: live ones of the source, of machines in the scope.
func (s *state) visible(w Wanted) *roaring.Bitmap {
	within := s.headsIn(w.Scope)
	if w.Source == "" {
		return within
	}
	heads := roaring.New()
	for id, source := range s.sources {
		if of := s.ofSource[id]; of != nil && source.Name == w.Source {
			heads.Or(of)
		}
	}
	heads.And(within)
	return heads
}

// within tells whether a version is wanted. The error says that it cannot be compared.
func (w *Wanted) within(text string) (bool, error) {
	if w.Version != "" && text != w.Version {
		return false, nil
	}
	bounds := []struct {
		bound string
		holds func(order int) bool
	}{
		{w.LT, func(order int) bool { return order < 0 }},
		{w.LE, func(order int) bool { return order <= 0 }},
		{w.GT, func(order int) bool { return order > 0 }},
		{w.GE, func(order int) bool { return order >= 0 }},
	}
	for _, b := range bounds {
		if b.bound == "" {
			continue
		}
		order, err := versions.Compare(w.Kind, text, b.bound)
		if err != nil || !b.holds(order) {
			return false, err
		}
	}
	return true, nil
}

// matching returns those of machines that are of the wanted platform, type and tag. It may return machines itself.
func (s *state) matching(w Wanted, machines *roaring.Bitmap) *roaring.Bitmap {
	narrow := func(wanted bool, to *roaring.Bitmap) {
		switch {
		case !wanted:
		case to == nil:
			machines = roaring.New()
		default:
			machines = roaring.And(machines, to)
		}
	}
	narrow(w.Platform != "", s.ofPlatform[w.Platform])
	narrow(w.Type != "", s.ofType[w.Type])
	narrow(w.Tag != 0, s.ofTag[w.Tag])
	return machines
}
