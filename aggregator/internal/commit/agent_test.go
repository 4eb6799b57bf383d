// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"context"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

var timeZero time.Time

// agent reports about one machine.
type agent struct {
	w       *world
	machine int64
	serial  string
	stamp   commit.Stamp
	added   commit.Added
	now     facts // acknowledged
	head    int64
}

func (w *world) agent(serial string) *agent {
	w.t.Helper()
	return &agent{
		w: w, serial: serial, machine: must(w.store.EnsureMachine(w.t.Context(), serial))(w.t),
		stamp: commit.Stamp{Instance: []byte("0123456789abcdef")}, now: facts{},
	}
}

// push returns a push that leads to a state, without its sections; the counter rises.
func (a *agent) push(to facts) *commit.Push {
	a.stamp.Counter++
	stamp := a.stamp
	return &commit.Push{
		Machine: a.machine, Serial: a.serial, Source: a.w.source, Stamp: &stamp, Root: to.root(), Added: a.added,
	}
}

// whole returns a push of all sections with all their bodies; kinds that the state lacks are dropped.
func (a *agent) whole(to facts) *commit.Push {
	p := a.push(to)
	for _, kind := range to.kinds() {
		p.Sections = append(p.Sections, wholeOf(to, kind))
	}
	for _, kind := range a.now.kinds() {
		if _, kept := to[kind]; !kept {
			p.Sections = append(p.Sections, commit.Section{Kind: kind, State: commit.Drop})
		}
	}
	return p
}

func wholeOf(f facts, kind string) commit.Section {
	section := f.section(kind)
	s := commit.Section{Kind: kind, Digest: short(section.Digest())}
	known, _ := snapshot.KindOf(kind)
	for _, fact := range section.Assets {
		s.Bodies = append(s.Bodies, fact.Body)
		if known.Shared {
			s.IDs = append(s.IDs, fact.Digest.ID())
		}
	}
	return s
}

// delta returns a push of what differs from the acknowledged state.
func (a *agent) delta(to facts) *commit.Push {
	p := a.push(to)
	for _, kind := range to.kinds() {
		if s := a.deltaOf(to, kind); s != nil {
			p.Sections = append(p.Sections, *s)
		}
	}
	for _, kind := range a.now.kinds() {
		if _, kept := to[kind]; !kept {
			p.Sections = append(p.Sections, commit.Section{Kind: kind, State: commit.Drop})
		}
	}
	return p
}

func (a *agent) deltaOf(to facts, kind string) *commit.Section {
	before, after := a.now.section(kind), to.section(kind)
	s := &commit.Section{Kind: kind, Delta: true, Digest: short(after.Digest())}
	if _, had := a.now[kind]; had {
		if before.Digest() == after.Digest() {
			return nil
		}
		s.Base = short(before.Digest())
	}
	added, removed := snapshot.Diff(before.Digests(), after.Digests())
	for _, d := range removed {
		s.Removed = append(s.Removed, d.ID())
	}
	for _, fact := range after.Assets {
		for _, d := range added {
			if d == fact.Digest {
				s.Bodies = append(s.Bodies, fact.Body)
			}
		}
	}
	return s
}

// pushed commits and remembers what was acknowledged.
func (a *agent) pushed(p *commit.Push, to facts) commit.Result {
	a.w.t.Helper()
	r := must(a.w.Push(a.w.t.Context(), p))(a.w.t)
	a.now, a.head = to, r.Head
	if r.Root != to.root() {
		a.w.t.Fatalf("root %s, want %s", r.Root, to.root())
	}
	return r
}

// becomes pushes what differs.
func (a *agent) becomes(to facts) commit.Result {
	a.w.t.Helper()
	return a.pushed(a.delta(to), to)
}

// tried is a push whose outcome matters.
func (a *agent) tried(p *commit.Push) (commit.Result, error) {
	return a.w.Push(context.Background(), p)
}

// idOf returns the short id of a fact.
func idOf(kind, body string) asset.ID { return asset.Of(kind, []byte(body)).ID() }
