// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Sections returns the machine's whole snapshot on its day `day`, 0 being the day of enrolment. The map is the
// caller's; sections and bodies are shared with other machines and must not be changed.
func (m Machine) Sections(day int) (snapshot.Sections, error) {
	if day < 0 || day > maxDay {
		return nil, fmt.Errorf("day %d is not between 0 and %d", day, maxDay)
	}
	sections, err := snapshot.Split(m.facts(day))
	if err != nil {
		return nil, fmt.Errorf("machine %d on day %d: %w", m.Index, day, err)
	}
	for kind, section := range m.role.standing {
		sections[kind] = merge(section, sections[kind])
	}
	goods, times, err := m.products(day)
	if err != nil {
		return nil, fmt.Errorf("machine %d on day %d: %w", m.Index, day, err)
	}
	sections[goods.Kind] = merge(goods, sections[goods.Kind])
	if times != nil {
		sections[times.Kind] = merge(times, sections[times.Kind])
	}
	return sections, nil
}

// merge returns the section of both; one of them may be nil.
func merge(a, b *snapshot.Section) *snapshot.Section {
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	}
	all := slices.Concat(a.Assets, b.Assets)
	slices.SortFunc(all, func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) })
	all = slices.CompactFunc(all, func(a, b snapshot.Asset) bool { return a.Digest == b.Digest })
	return &snapshot.Section{Kind: a.Kind, Assets: all}
}

// Root returns the root digest of the machine's snapshot on a day.
func (m Machine) Root(day int) (asset.Digest, error) {
	sections, err := m.Sections(day)
	if err != nil {
		return asset.Digest{}, err
	}
	return snapshot.Root(sections.Digests()), nil
}

// Next returns the smallest later day on which the snapshot differs from the day before; there is one within 20 days.
func (m Machine) Next(day int) int {
	b := m.fleet.scratch.Get().(*bench)
	defer m.fleet.scratch.Put(b)
	chosen := b.choose(m.line, m.die, m.role)
	groups := b.groupsOf(chosen)
	for day++; ; day++ {
		if m.changes(day) != m.changes(day-1) {
			return day
		}
		upgraded := false
		m.line.calendar.takenOn(m.line.calendar.upTo(day), day, m.lag, func(group int32) bool {
			upgraded = groups[group]
			return !upgraded
		})
		if upgraded {
			return day
		}
	}
}

// row is a product of a machine.
type row struct {
	order   uint64 // the first bytes of the digest
	asset   *snapshot.Asset
	seconds int64 // of its installation
}

// products returns the section of what is installed, and its part of install_times, nil where rows have no time.
func (m Machine) products(day int) (goods, times *snapshot.Section, err error) {
	b := m.fleet.scratch.Get().(*bench)
	defer m.fleet.scratch.Put(b)
	chosen := b.choose(m.line, m.die, m.role)
	if b.rows, err = m.rows(b.rows[:0], chosen, day); err != nil {
		return nil, nil, err
	}
	rows := b.sorted()
	goods = &snapshot.Section{Kind: m.line.goods.kind, Assets: make([]snapshot.Asset, len(rows))}
	for i := range rows {
		goods.Assets[i] = *rows[i].asset
	}
	if m.line.goods.dated || m.line.goods.clock {
		times = buckets(goods.Kind, rows)
	}
	return goods, times, nil
}

// rows appends the products as they are on a day.
func (m Machine) rows(rows []row, chosen *selection, day int) ([]row, error) {
	pages := m.line.calendar.upTo(day)
	c := m.clock()
	for i, product := range chosen.list {
		releases, taken := m.line.calendar.state(pages, product, day, m.lag)
		a, err := chosen.goods.asset(product, releases)
		if err != nil {
			return nil, err
		}
		r := row{order: binary.BigEndian.Uint64(a.Digest[:8]), asset: a}
		if releases > 0 && taken > c.provisioned {
			r.seconds = c.upgrade(taken, int(chosen.goods.groups[product]))
		} else {
			r.seconds = c.install(i, len(m.role.products.list))
		}
		if chosen.goods.dated {
			r.seconds -= r.seconds % secondsPerDay
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// sorted returns the rows by ascending digest. Digests fall evenly on their first byte: rows are dealt out by it, and
// the few that share one are sorted.
func (b *bench) sorted() []row {
	var ends [256]int
	for i := range b.rows {
		ends[b.rows[i].order>>56]++
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	b.spare = slices.Grow(b.spare[:0], len(b.rows))[:len(b.rows)]
	for _, r := range b.rows {
		first := r.order >> 56
		ends[first]--
		b.spare[ends[first]] = r
	}
	for i, start := range ends { // by now where each byte's rows begin
		end := len(b.spare)
		if i+1 < len(ends) {
			end = ends[i+1]
		}
		slices.SortFunc(b.spare[start:end], func(x, y row) int {
			return cmp.Or(cmp.Compare(x.order, y.order), x.asset.Digest.Compare(y.asset.Digest))
		})
	}
	return b.spare
}
