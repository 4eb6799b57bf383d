// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// expand makes the events of all entries. One that cannot be understood is passed over: it will not get better, and
// whoever reads has to come to those behind it.
func (p *page) expand() []Batch {
	var batches []Batch
	for i := range p.entries {
		e := &p.entries[i]
		if !p.wants(e) {
			continue
		}
		events, err := p.eventsOf(i, e)
		if err != nil {
			p.feed.broken(e, err)
		}
		if len(events) > 0 {
			batches = append(batches, Batch{Position: e.Position, Machine: e.Machine, Events: events})
		}
	}
	return batches
}

func (p *page) eventsOf(place int, e *store.JournalEntry) ([]event.Event, error) {
	if e.What == "commit" {
		return p.commit(e)
	}
	var base event.Event
	if m := p.machines[e.Machine]; m != nil {
		base = m.base(e.Machine)
	}
	base.Batch, base.At = entryBatch(base.SerialNumber, e), e.At
	var source json.RawMessage
	if head, ok := p.sources[e.Head]; ok {
		base.Source, source = head.Source.Name, sourceJSON(head.Source)
	}
	maker := event.NewMaker(base, p.matcher)
	var err error
	switch e.What {
	case "status":
		return p.status(base, e, place)
	case "compliance":
		err = overall(maker, e)
	case "tag":
		return p.tags(base, e)
	case "audit":
		return p.audit(base, e)
	case "archive", "revive", "prune":
		maker.Lifecycle(e.What+"d", source)
	case "conflict":
		maker.Conflict(e.Body)
	case "event":
		err = maker.Ready(e.Body)
	}
	return maker.Events(), err
}

// commit makes the events of a change. Its batch is that of the change and not of the entry.
func (p *page) commit(e *store.JournalEntry) ([]event.Event, error) {
	key := store.ChangeKey{Head: e.Head, Seq: e.Seq}
	change, ok := p.changes[key]
	if !ok {
		p.feed.miss(e)
		return nil, nil
	}
	if !p.fruitful(key) {
		return nil, nil
	}
	head, known := p.sources[e.Head]
	m := p.machines[e.Machine]
	if !known || m == nil { // pruned since the change was read
		p.feed.miss(e)
		return nil, nil
	}
	base := m.base(e.Machine)
	base.Batch, base.At, base.Source = commitBatch(m.serial, head.Source, &change), change.At, head.Source.Name
	maker := event.NewMaker(base, p.matcher)
	source := sourceJSON(head.Source)
	if e.Seq > 1 {
		changes, err := p.kindChanges(maker, key, &change)
		if err != nil {
			return nil, err
		}
		maker.Change(source, changes)
	} else if err := p.first(maker, e, m.serial, head.Source); err != nil {
		return nil, err
	}
	maker.Heartbeat(source, seenAt(e, &change))
	return maker.Events(), nil
}

// seenAt returns when the machine was seen: as its source says, or else when the change was stored.
func seenAt(e *store.JournalEntry, change *store.Change) time.Time {
	var body struct {
		LastSeen time.Time `json:"last_seen"`
	}
	if len(e.Body) == 0 || json.Unmarshal(e.Body, &body) != nil || body.LastSeen.IsZero() {
		return change.At
	}
	return body.LastSeen
}

// status makes the events of statuses that changed: of the time that the tree is of, where its source said one.
func (p *page) status(base event.Event, e *store.JournalEntry, place int) ([]event.Event, error) {
	changes, ok := p.statuses[place]
	if !ok {
		return nil, fmt.Errorf("statuses are not of the form that they should have: %.100s", e.Body)
	}
	if seen, err := time.Parse(time.RFC3339Nano, e.Detail); err == nil {
		base.At = seen
	}
	maker := event.NewMaker(base, p.matcher)
	for _, c := range changes {
		definition, ok := p.definitions[store.CheckKey{CheckID: c.Check, Version: c.Version}]
		if !ok {
			maker.Status(nil, c.Status, c.Previous)
			continue
		}
		maker.Status(checkOf(&definition), c.Status, c.Previous)
	}
	return maker.Events(), nil
}

func checkOf(d *store.CheckDefinition) *event.Check {
	c := &event.Check{
		ID: d.CheckID, ComplianceCheckID: d.ComplianceCheckID, Name: d.Name, Description: d.Description, Version: d.Version,
		SourceName: d.SourceName, Expression: d.Expression,
	}
	for i := range d.Tags {
		c.Tags = append(c.Tags, displayName(&d.Tags[i]))
	}
	return c
}

// displayName returns a tag as people read it.
func displayName(t *store.DefinitionTag) string {
	if t.Taxonomy != nil {
		return *t.Taxonomy + ": " + t.Name
	}
	return t.Name
}

func overall(maker *event.Maker, e *store.JournalEntry) error {
	var body struct {
		Status   *compliance.Status `json:"status"`
		Previous *compliance.Status `json:"previous"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return err
	}
	if body.Status != nil { // the contract has no word for a machine without a status
		maker.Compliance(*body.Status, body.Previous)
	}
	return nil
}

// tags makes the events of the tags that a machine got and lost.
func (p *page) tags(base event.Event, e *store.JournalEntry) ([]event.Event, error) {
	var body struct {
		Added   []event.Tag     `json:"added"`
		Removed []event.Tag     `json:"removed"`
		Request json.RawMessage `json:"request"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil, err
	}
	base.Request = event.Compact(body.Request)
	maker := event.NewMaker(base, p.matcher)
	for i := range body.Added {
		maker.Tag(true, &body.Added[i])
	}
	for i := range body.Removed {
		maker.Tag(false, &body.Removed[i])
	}
	return maker.Events(), nil
}

// audit makes the event of a row of the audit log.
func (p *page) audit(base event.Event, e *store.JournalEntry) ([]event.Event, error) {
	id, _ := strconv.ParseInt(e.Detail, 10, 64) // as loadAudits
	row, ok := p.audits[id]
	if !ok {
		p.feed.miss(e)
		return nil, nil
	}
	base.Request = event.Compact(raw(row.Request))
	maker := event.NewMaker(base, p.matcher)
	if row.Object == checkObject && (row.Action == "created" || row.Action == "updated" || row.Action == "deleted") {
		check, err := p.auditedCheck(&row)
		if err != nil {
			return nil, err
		}
		maker.Check(row.Action, check)
		return maker.Events(), nil
	}
	maker.Audit(&event.Audit{
		Action: row.Action, Object: row.Object, ObjectID: row.ObjectID, Before: raw(row.Before), After: raw(row.After),
	}, p.names)
	return maker.Events(), nil
}

func raw(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}
