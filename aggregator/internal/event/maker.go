// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Maker makes the events of one cause. It numbers all of them, and makes only those that a matcher wants: so an event
// has one id whoever asks for it. It is for one goroutine.
type Maker struct {
	base    Event
	matcher *Matcher
	index   int
	events  []Event
}

// NewMaker returns a maker of events like base: that one has the batch, the moment, the machine and what filters go by.
func NewMaker(base Event, m *Matcher) *Maker { return &Maker{base: base, matcher: m} }

// Events returns what was made and comes through the filter.
func (m *Maker) Events() []Event { return m.events }

// add makes one event, unless nobody wants it. payload is asked for only then.
func (m *Maker) add(name string, fill func(*Event) json.RawMessage) {
	index := m.index
	m.index++
	if !m.matcher.Wants(name) {
		return
	}
	c, _ := classOf(name)
	e := m.base
	e.Index, e.Type, e.Namespace, e.Tags = index, name, c.namespace, c.tags
	if e.Namespace == "" {
		e.Namespace = name
	}
	e.Payload = fill(&e)
	if m.matcher.Match(&e) {
		m.events = append(m.events, e)
	}
}

// Skip takes a place in the batch without an event: what it would tell is not kept any more.
func (m *Maker) Skip() { m.index++ }

// Machine makes the event of the first snapshot from a source. tree may be nil when nobody wants it.
func (m *Maker) Machine(tree json.RawMessage) {
	m.add(TypeAddMachine, func(*Event) json.RawMessage { return tree })
}

// Heartbeat makes the event of a machine that was seen.
func (m *Maker) Heartbeat(source json.RawMessage, at time.Time) {
	m.add(TypeHeartbeat, func(e *Event) json.RawMessage {
		e.At, e.Naive = at, true
		return object("source", source)
	})
}

// KindChange is what one change did to one kind: objects as they stand in a tree. Those of a type that nobody wants may
// be nil, but have to be there.
type KindChange struct {
	Kind    string
	Added   []json.RawMessage
	Removed []json.RawMessage
}

// Change makes the events of a change after the first: in the outside contract's order, and kinds that it does not
// know behind them. It sorts the changes and what is in them.
func (m *Maker) Change(source json.RawMessage, changes []KindChange) {
	slices.SortStableFunc(changes, func(a, b KindChange) int {
		return cmp.Or(cmp.Compare(place(a.Kind), place(b.Kind)), cmp.Compare(a.Kind, b.Kind))
	})
	for _, c := range changes {
		if !Silent(c.Kind) {
			m.side(source, c.Kind, c.Added, true)
			m.side(source, c.Kind, c.Removed, false)
		}
	}
}

// side makes the events of what came, or of what went.
func (m *Maker) side(source json.RawMessage, kind string, bodies []json.RawMessage, added bool) {
	name := changeType(kind, added)
	slices.SortFunc(bodies, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	for _, body := range bodies {
		m.add(name, func(*Event) json.RawMessage { return object(singular(kind), body, "source", source) })
	}
}

// WantsChange reports whether anybody wants to know of elements of a kind that came or went.
func (m *Maker) WantsChange(kind string, added bool) bool {
	return !Silent(kind) && m.matcher.Wants(changeType(kind, added))
}

// object returns an object of names and their values; a nil value has no key.
func object(pairs ...any) json.RawMessage {
	out := []byte{'{'}
	for i := 0; i+1 < len(pairs); i += 2 {
		value, _ := pairs[i+1].(json.RawMessage)
		if len(value) == 0 {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendText(out, pairs[i].(string))
		out = append(append(out, ':'), value...)
	}
	return append(out, '}')
}
