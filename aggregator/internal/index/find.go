// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Question asks for machines; zero fields but Limit choose all.
type Question struct {
	Filter filter.Node // nil: every machine
	Names  Names       // of what the filter names and the index knows by number
	Now    time.Time   // that ages are counted from
	Scope  auth.Scope

	After string // serial number of the last machine of the page before
	Limit int    // at most so many
}

// Names are what people call what the index knows by number. A filter needs those that it asks for.
type Names struct {
	Tags       map[int64]string
	Taxonomies map[int64]string   // of a tag, by the tag's id; tags without one are not in it
	Units      map[int64][]string // all names of a business unit, by its id
	Checks     map[int64]string
}

// Page is a page of the machines that were asked for.
type Page struct {
	Machines []store.Machine // by serial number
	Total    int             // on all pages
}

// Find returns the known machines for which the filter is true; ErrBuilding while the index is being built. LastSeen
// may be a minute old, in the filter too.
func (x *Index) Find(q Question) (Page, error) {
	var page Page
	err := x.read(func(s *state) { page = s.find(q) })
	return page, err
}

func (s *state) find(q Question) Page {
	machines := s.machinesOf(q.Scope)
	if q.Filter != nil {
		e := evaluation{state: s, names: q.Names, now: q.Now, all: machines}
		machines = roaring.And(machines, e.node(q.Filter))
	}
	page := Page{Total: int(machines.GetCardinality())}
	for _, m := range s.behind(q.After) {
		if len(page.Machines) == q.Limit {
			break
		}
		if machines.Contains(m.number) {
			page.Machines = append(page.Machines, s.listed(m))
		}
	}
	return page
}

// behind returns the machines with serial numbers behind one, in order.
func (s *state) behind(serial string) []*machine {
	from, found := slices.BinarySearchFunc(s.bySerial, serial, func(m *machine, serial string) int { return cmp.Compare(m.serial, serial) })
	if found {
		from++
	}
	return s.bySerial[from:]
}

// evaluation is one filter over machines, by number: which others are in its bitmaps says nothing. They belong to
// nobody: none of them is changed once it is returned.
type evaluation struct {
	state *state
	names Names
	now   time.Time
	all   *roaring.Bitmap // the known machines that matter
}

func (e *evaluation) node(n filter.Node) *roaring.Bitmap {
	switch n := n.(type) {
	case filter.And:
		return e.and(n)
	case filter.Or:
		found := roaring.New()
		for _, of := range n {
			found.Or(e.node(of))
		}
		return found
	case filter.Not:
		return roaring.AndNot(e.all, e.node(n.Of))
	case filter.Asset:
		return e.asset(n)
	case filter.Term:
		return e.term(n)
	}
	return roaring.New()
}

// and asks about fewer and fewer machines, and last what every single one has to be asked for.
func (e *evaluation) and(all filter.And) *roaring.Bitmap {
	left := *e
	for _, scans := range []bool{false, true} {
		for _, n := range all {
			if left.all.IsEmpty() {
				return left.all
			}
			if scanned(n) == scans {
				left.all = roaring.And(left.all, left.node(n))
			}
		}
	}
	return left.all
}

// scanned tells whether a node has a term that every machine has to be asked for.
func scanned(n filter.Node) bool {
	found := false
	filter.Terms(n, func(t filter.Term) {
		switch t.Field {
		case filter.Text, filter.SerialNumber, filter.ComputerName, filter.OSVersion, filter.HardwareModel, filter.BusinessUnit,
			filter.PrincipalUser, filter.LastSeen:
			found = true
		}
	})
	return found
}
