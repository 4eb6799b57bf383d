// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"slices"
)

// Plan is what has to be written so that the rows of a head hold its new sections.
type Plan struct {
	Upsert []Row    // whole rows
	Tail   []Row    // rows whose tail and digest change; their base stays
	Delete []string // kinds whose rows go
}

// NewPlan compares the rows of a head with its sections after a change. deltas are the differences by kind; a kind
// without one is unchanged.
func NewPlan(old []Row, after Sections, deltas []Delta) Plan {
	p := planner{rows: map[string]Row{}, after: after}
	for _, row := range old {
		p.rows[row.Kind] = row
	}
	for i := range deltas {
		p.kind(&deltas[i])
	}
	if p.small {
		p.smallRow()
	}
	return p.plan
}

type planner struct {
	rows  map[string]Row
	after Sections
	plan  Plan
	small bool // the row of the small sections has to be written
	large []string
}

// kind plans for one changed kind.
func (p *planner) kind(d *Delta) {
	row, wasLarge := p.rows[d.Kind]
	section := p.after[d.Kind]
	if section == nil {
		p.drop(d.Kind, wasLarge)
		return
	}
	if wasLarge {
		if tail, ok := extendTail(row.Tail, d); ok {
			p.plan.Tail = append(p.plan.Tail, Row{Kind: d.Kind, Tail: tail, Digest: section.Digest[:]})
			return
		}
	}
	base := storedBase(section)
	if len(base) >= largeBytes || (wasLarge && len(base) >= largeBytes/4) {
		p.plan.Upsert = append(p.plan.Upsert, Row{Kind: d.Kind, Base: base, Tail: []byte{}, Digest: section.Digest[:]})
		p.large = append(p.large, d.Kind)
		p.small = p.small || !wasLarge
		return
	}
	if wasLarge {
		p.drop(d.Kind, true)
		delete(p.rows, d.Kind)
	}
	p.small = true
}

func (p *planner) drop(kind string, wasLarge bool) {
	if wasLarge {
		p.plan.Delete = append(p.plan.Delete, kind)
		return
	}
	p.small = true
}

// storedBase returns the base column of a section with a row of its own. Ids are dense already; compressing them
// gains nothing.
func storedBase(s *Section) []byte {
	raw := encodeBase(s)
	if s.Shared {
		return append([]byte{plain}, raw...)
	}
	return squeeze(raw)
}

// smallRow plans the row that holds every section without a row of its own.
func (p *planner) smallRow() {
	kinds := make([]string, 0, len(p.after))
	for kind := range p.after {
		_, hasRow := p.rows[kind]
		if !hasRow && !slices.Contains(p.large, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	var raw []byte
	for _, kind := range kinds {
		s := p.after[kind]
		raw = appendText(raw, kind)
		raw = append(raw, s.Digest[:]...)
		raw = appendText(raw, encodeBase(s))
	}
	p.plan.Upsert = append(p.plan.Upsert, Row{Base: squeeze(raw), Tail: []byte{}, Digest: []byte{}})
}
