// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
)

const (
	// lead is how many days before day 0 releases begin, so that machines that lag find some on day 0 as well.
	lead = 128
	// firstHorizon is the day that a calendar reaches at first; each growth doubles it.
	firstHorizon = 128
	// maxDay is the last day that can be asked for.
	maxDay = 1 << 14
	// patchSize is how many products the large batch upgrades on a machine, in the mean.
	patchSize = 40
)

// calendar says which groups of a stock are released on which day. It grows when a later day is asked for, and what it
// said before stays. It is safe for concurrent use.
type calendar struct {
	goods    *stock
	die      die
	rate     uint64 // chance of a release for weight 1 and activity 1, of 2^64
	patchDay int    // day of the large batch, 0 for none
	patched  []bool // by group: it is part of the batch
	mu       sync.Mutex
	grown    atomic.Pointer[pages]
}

// pages are the days of a calendar up to one of them.
type pages struct {
	last    int       // the last day
	byDay   [][]int32 // groups released on day i-lead
	byGroup [][]int16 // days of release, ascending
}

// newCalendar returns a calendar by which a machine with a sample's mean of products upgrades perDay of them a day.
func newCalendar(goods *stock, d die, sample *sample, perDay, patchDay int) *calendar {
	c := &calendar{goods: goods, die: d, patchDay: patchDay}
	const meanActivity = 100
	c.rate = math.MaxUint64 / (meanActivity * max(sample.weight, 1)) * uint64(perDay) * sample.machines
	if patchDay > 0 {
		c.patched = sample.batch(d.of(saltPatch), len(goods.weights))
	}
	c.grown.Store(c.write(firstHorizon))
	return c
}

// upTo returns pages that reach the day, which is at most maxDay.
func (c *calendar) upTo(day int) *pages {
	if p := c.grown.Load(); day <= p.last {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.grown.Load()
	if day > p.last {
		last := p.last
		for last < day {
			last *= 2
		}
		p = c.write(last)
		c.grown.Store(p)
	}
	return p
}

// write makes the pages of all days up to last.
func (c *calendar) write(last int) *pages {
	p := &pages{last: last, byDay: make([][]int32, last+lead+1), byGroup: make([][]int16, len(c.goods.weights))}
	for i := range p.byDay {
		day := i - lead
		d := c.die.of(saltRelease).of(i)
		chance := c.rate * c.activity(day)
		for g, weight := range c.goods.weights {
			if uint64(d.of(g)) < chance*weight || (day == c.patchDay && c.patched != nil && c.patched[g]) {
				p.byDay[i] = append(p.byDay[i], int32(g))
				p.byGroup[g] = append(p.byGroup[g], int16(day))
			}
		}
	}
	return p
}

// activity tells how much is released on a day: little on nearly half of them, several times the mean on some.
func (c *calendar) activity(day int) uint64 {
	switch n := c.die.of(saltActivity).of(day + lead).n(100); {
	case n < 45:
		return 20
	case n < 80:
		return 90
	case n < 95:
		return 240
	default:
		return 470
	}
}

// releasedOn returns the groups released on a day.
func (p *pages) releasedOn(day int) []int32 {
	if day < -lead {
		return nil
	}
	return p.byDay[day+lead]
}

// state returns how many releases of a product a machine with that lag has taken by day, and the day it took the last
// one, which means nothing when there are none. Of the batch's groups every machine has on patchDay all that was
// released until then.
func (c *calendar) state(p *pages, product int32, day, lag int) (releases, taken int) {
	g := c.goods.groups[product]
	days := p.byGroup[g]
	if len(days) == 0 {
		return 0, 0
	}
	seen, batch := day-lag, c.inBatch(g, day)
	if batch {
		seen = max(seen, c.patchDay)
	}
	n := len(days)
	if int(days[n-1]) > seen {
		n = sort.Search(n, func(i int) bool { return int(days[i]) > seen })
	}
	if n == 0 {
		return 0, 0
	}
	released := int(days[n-1])
	taken = released + lag
	if batch && released <= c.patchDay {
		taken = min(taken, c.patchDay)
	}
	return n, taken
}

// inBatch tells whether a group is part of the batch that machines have taken by day.
func (c *calendar) inBatch(group int32, day int) bool {
	return c.patched != nil && day >= c.patchDay && c.patched[group]
}

// takenOn returns the groups of which a machine with that lag takes a release on a day.
func (c *calendar) takenOn(p *pages, day, lag int, visit func(group int32) (more bool)) {
	for _, g := range p.releasedOn(day - lag) {
		if day > c.patchDay && day-lag <= c.patchDay && c.inBatch(g, day) {
			continue // came with the batch
		}
		if !visit(g) {
			return
		}
	}
	if c.patched == nil || day != c.patchDay {
		return
	}
	for g, in := range c.patched {
		if in && !visit(int32(g)) {
			return
		}
	}
}

// sample counts what some machines have, to know the means without looking at all.
type sample struct {
	machines uint64
	weight   uint64 // sum of the weights of all their products
	products []int  // by group
}

func (s *sample) add(chosen *selection) {
	s.machines++
	for _, p := range chosen.list {
		g := chosen.goods.groups[p]
		s.weight += chosen.goods.weights[g]
		s.products[g]++
	}
}

// batch chooses groups that make about patchSize products of a machine.
func (s *sample) batch(d die, groups int) []bool {
	batch := make([]bool, groups)
	missing := patchSize * int(s.machines)
	for throw := 0; missing > 0 && throw < 64*groups; throw++ {
		d = d.of(saltPatch)
		g := d.n(groups)
		if !batch[g] && s.products[g] > 0 && s.products[g] <= missing {
			batch[g] = true
			missing -= s.products[g]
		}
	}
	return batch
}
