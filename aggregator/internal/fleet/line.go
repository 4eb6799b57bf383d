// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// The platforms, as places in Fleet.lines.
const (
	linux = iota
	windows
	macos
	platforms
)

// platformOf gives 80 of 100 machines Linux, 12 Windows and 8 macOS.
func platformOf(n int) int {
	switch {
	case n < 80:
		return linux
	case n < 92:
		return windows
	default:
		return macos
	}
}

// line is a platform's line of machines: what there is to install, who installs what, and when.
type line struct {
	platform  string
	goods     *stock
	calendar  *calendar
	roles     []role
	low, high int // products of a machine
	perDay    int // releases that a machine takes a day, in the mean
}

// role is what machines of one purpose have in common.
type role struct {
	name     string
	share    int // of 100 machines of the line
	laptops  int // of 100 machines of the role
	products *selection
	ports    []port
	standing snapshot.Sections // sections and parts of sections that all machines of the role share
}

// roleOf returns the role of a machine.
func (l *line) roleOf(d die) *role {
	n := d.of(saltRole).n(100)
	for i := range l.roles {
		if n -= l.roles[i].share; n < 0 {
			return &l.roles[i]
		}
	}
	return &l.roles[0]
}

// bench is the room that working out one machine takes, kept to be used again.
type bench struct {
	chosen      [platforms]*selection
	rows, spare []row
	groups      []bool
}

func newBench(f *Fleet) *bench {
	b := &bench{}
	for p := range f.lines {
		b.chosen[p] = newSelection(f.lines[p].goods)
	}
	return b
}

// choose returns the products of a machine: its role's, in the role's order, then its own. The result is valid until
// the next call.
func (b *bench) choose(l *line, d die, r *role) *selection {
	var chosen *selection
	for _, s := range b.chosen {
		if s.goods == l.goods {
			chosen = s
		}
	}
	chosen.start(r.products)
	chosen.fill(d.of(saltExtra), l.low+d.of(saltTarget).n(l.high-l.low))
	return chosen
}

// groupsOf tells of each group whether something chosen belongs to it. The result is valid until the next call.
func (b *bench) groupsOf(chosen *selection) []bool {
	b.groups = slices.Grow(b.groups[:0], len(chosen.goods.weights))[:len(chosen.goods.weights)]
	clear(b.groups)
	for _, p := range chosen.list {
		b.groups[chosen.goods.groups[p]] = true
	}
	return b.groups
}
