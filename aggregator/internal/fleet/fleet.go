// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"sync"
)

// Options say which fleet it is. Fleets with equal options are equal.
type Options struct {
	Machines int    // machines, without clones
	Seed     uint64 // any number; another one is another fleet with other identities
	// Catalogue is where the Linux machines' packages come from; nil stands for Compact.
	Catalogue *Catalogue
	// Clones is how many copies of machines there are for 10,000 machines; they come after the machines.
	Clones int
	// PatchDay is the day on which every machine, whatever its ring, takes a batch of about 40 releases; 0 for none. It
	// changes nothing before that day.
	PatchDay int
}

// Fleet answers for its machines. It is safe for concurrent use.
type Fleet struct {
	options Options
	die     die
	lines   [platforms]line
	scratch sync.Pool // of *bench
}

// New returns the fleet of the options. A catalogue must have enough packages for a machine.
func New(o Options) (*Fleet, error) {
	if o.Machines < 0 || o.Clones < 0 || o.Clones > 10_000 || o.PatchDay < 0 || o.PatchDay > maxDay {
		return nil, fmt.Errorf("fleet of %d machines, %d clones for 10,000, batch on day %d", o.Machines, o.Clones, o.PatchDay)
	}
	if o.Catalogue == nil {
		o.Catalogue = Compact()
	}
	if o.Catalogue.broken != nil {
		return nil, o.Catalogue.broken
	}
	if n := len(o.Catalogue.packages); n < minPackages {
		return nil, fmt.Errorf("catalogue of %d packages, a fleet needs %d", n, minPackages)
	}
	f := &Fleet{options: o, die: die(o.Seed).of(saltMachine)}
	for p, build := range [platforms]func(*Catalogue) (line, error){linux: linuxLine, windows: programLine, macos: appLine} {
		var err error
		if f.lines[p], err = build(o.Catalogue); err != nil {
			return nil, err
		}
	}
	f.scratch.New = func() any { return newBench(f) }
	f.plan()
	return f, nil
}

// plan makes the calendars from what some machines have.
func (f *Fleet) plan() {
	const sampled = 64 // machines of each platform
	b := newBench(f)
	for p := range f.lines {
		l := &f.lines[p]
		s := &sample{products: make([]int, len(l.goods.weights))}
		for i := range sampled {
			d := f.die.of(saltCalendar).of(i)
			s.add(b.choose(l, d, l.roleOf(d)))
		}
		l.calendar = newCalendar(l.goods, f.die.of(saltCalendar).of(p), s, l.perDay, f.options.PatchDay)
	}
}

// Len returns the number of machines, clones counted.
func (f *Fleet) Len() int { return f.options.Machines + f.clones() }

func (f *Fleet) clones() int { return f.options.Machines * f.options.Clones / 10_000 }

// PatchTuesday tells whether the large batch is taken on that day.
func (f *Fleet) PatchTuesday(day int) bool {
	return f.options.PatchDay > 0 && day == f.options.PatchDay
}

// original returns the machine that a clone was made of; no two clones have the same one.
func (f *Fleet) original(clone int) int {
	stride := f.options.Machines / f.clones()
	return clone*stride + f.die.of(saltClone).of(clone).n(stride)
}
