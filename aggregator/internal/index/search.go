// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Search asks for machines and software by a name that may be misspelt.
type Search struct {
	Text  string
	Scope auth.Scope
	Limit int // at most so many hits

	Machines, Software bool // what is wanted
}

// Hit is one thing that was found.
type Hit struct {
	Score   float64 // up to 1, which is the name itself
	Matched string  // the text that is similar

	Machine *store.Machine // nil: it is software

	Kind, Name string
	Machines   int // that have it
}

// candidate is a text that is similar.
type candidate struct {
	score   float64
	text    string
	machine *machine
	kind    *kind
	name    *name
}

// Search returns what is similar to the text, the best first: known machines in the scope by their serial numbers and
// computer names, and software that some of them have; ErrBuilding while the index is being built.
func (x *Index) Search(q Search) ([]Hit, error) {
	var hits []Hit
	err := x.read(func(s *state) { hits = s.search(q) })
	return hits, err
}

func (s *state) search(q Search) []Hit {
	similar := newTrigrams(q.Text)
	found := ranking[candidate]{limit: q.Limit, compare: compareCandidates}
	machines := s.machinesOf(q.Scope)
	visible := s.headsOf(machines)
	if q.Machines {
		for it := machines.Iterator(); it.HasNext(); {
			if c := similar.machine(s.byNumber[it.Next()]); c.score >= similarEnough && found.wants(c) {
				found.add(c)
			}
		}
	}
	if q.Software {
		for k := range s.catalog.software {
			for _, n := range k.names {
				c := candidate{score: similar.score(n.lower), text: n.text, kind: k, name: n}
				if c.score >= similarEnough && found.wants(c) && n.held(visible) {
					found.add(c)
				}
			}
		}
	}
	return s.hits(found.best, visible)
}

// machine is the best of a machine's texts.
func (q *trigrams) machine(m *machine) candidate {
	best := candidate{score: q.score(m.lowerSerial), text: m.serial, machine: m}
	_ = lineOf(m, func(name string) bool {
		if score := q.score(name); score > best.score {
			best.score, best.text = score, name
			if name == m.lowerNames && m.computerName != "" {
				best.text = m.computerName
			}
		}
		return false
	})
	return best
}

func compareCandidates(a, b candidate) int {
	order := cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.text, b.text))
	switch {
	case order != 0:
		return order
	case a.machine != nil && b.machine != nil:
		return cmp.Compare(a.machine.serial, b.machine.serial)
	case a.machine != nil:
		return -1
	case b.machine != nil:
		return 1
	}
	return cmp.Compare(a.kind.name, b.kind.name)
}

// hits says more about candidates.
func (s *state) hits(found []candidate, visible *roaring.Bitmap) []Hit {
	var hits []Hit
	for _, c := range found {
		hit := Hit{Score: c.score, Matched: c.text}
		if c.machine != nil {
			m := s.listed(c.machine)
			hit.Machine = &m
		} else {
			hit.Kind, hit.Name, hit.Machines = c.kind.name, c.name.text, c.name.machines(visible)
		}
		hits = append(hits, hit)
	}
	return hits
}

// held tells whether a visible head has the software in any version.
func (n *name) held(visible *roaring.Bitmap) bool {
	for _, v := range n.versions {
		for _, a := range v.assets {
			if a.heads != nil && a.heads.Intersects(visible) {
				return true
			}
		}
	}
	return false
}

// machines counts those that have the software in any version.
func (n *name) machines(visible *roaring.Bitmap) int {
	heads := roaring.New()
	for _, v := range n.versions {
		for _, a := range v.assets {
			if a.heads != nil {
				heads.Or(a.heads)
			}
		}
	}
	return countMachines(heads, visible)
}
