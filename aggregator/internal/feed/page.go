// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// page is some entries of the journal with all that their events take, read in a few queries for all of them.
type page struct {
	feed    *Feed
	matcher *event.Matcher
	entries []store.JournalEntry

	statuses map[int][]statusChange // by place of the entry

	machines    map[int64]*machine
	sources     map[int64]store.HeadSource // by head
	changes     map[store.ChangeKey]store.Change
	firsts      map[int64]pack.Sections // by head
	bodies      map[int64]snapshot.Asset
	times       map[timesKey]rowTimes
	definitions map[store.CheckKey]store.CheckDefinition
	audits      map[int64]store.AuditRow
	names       event.Names
}

// statusChange is one of a journal entry's.
type statusChange struct {
	Check    int64              `json:"check"`
	Version  int                `json:"version"`
	Status   compliance.Status  `json:"status"`
	Previous *compliance.Status `json:"previous"`
}

// timesKey names what a change did to a kind.
type timesKey struct {
	store.ChangeKey
	kind string
}

func newPage(f *Feed, m *event.Matcher, entries []store.JournalEntry) *page {
	return &page{
		feed: f, matcher: m, entries: entries,
		statuses: map[int][]statusChange{}, bodies: map[int64]snapshot.Asset{}, times: map[timesKey]rowTimes{},
	}
}

// wants reports whether an entry may give events.
func (p *page) wants(e *store.JournalEntry) bool {
	switch e.What {
	case "commit":
		beat := p.matcher.Wants(event.TypeHeartbeat)
		if e.Seq == 1 {
			return beat || p.matcher.Wants(event.TypeAddMachine)
		}
		return beat || p.matcher.WantsChanges()
	case "tag", "status", "compliance", "conflict", "event":
		return len(e.Body) > 0
	case "audit", "archive", "revive", "prune":
		return true
	}
	return false
}

// load reads what the entries need.
func (p *page) load(ctx context.Context) error {
	if err := p.loadChanges(ctx); err != nil {
		return err
	}
	wanted, changed, heads := p.subjects()
	var err error
	if p.machines, err = p.feed.loadMachines(ctx, wanted, changed); err != nil {
		return err
	}
	if len(heads) > 0 {
		if p.sources, err = p.feed.store.HeadSources(ctx, heads); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{p.loadFirsts, p.loadBodies, p.loadTimes, p.loadDefinitions, p.loadAudits} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// changedBefore is how much earlier than its entry a change may seem to be: clocks are set back sometimes.
const changedBefore = 24 * time.Hour

// loadChanges reads what the entries changed. It leaves those to the next page that would be too much.
func (p *page) loadChanges(ctx context.Context) error {
	var keys []store.ChangeKey
	var places []int // of the entries
	var since time.Time
	for i := range p.entries {
		e := &p.entries[i]
		if e.What != "commit" || !p.wants(e) {
			continue
		}
		keys, places = append(keys, store.ChangeKey{Head: e.Head, Seq: e.Seq}), append(places, i)
		if since.IsZero() || e.At.Before(since) {
			since = e.At
		}
	}
	if len(keys) == 0 {
		return nil
	}
	var looked int
	var err error
	p.changes, looked, err = p.feed.store.ChangesOf(ctx, keys, since.Add(-changedBefore), pageAssets)
	if err == nil && looked < len(keys) {
		p.entries = p.entries[:places[looked]]
	}
	return err
}

// summarised are the kinds whose changes show in what events say of their machine.
var summarised = []string{"os_version", "system_info", "groups", "principal_user", "business_unit", "ec2_instance_metadata", "network_interfaces", "platform", "type"}

// subjects returns the machines and heads of entries that may give events, and the machines that events say something
// else of than before. To know the latter, entries that nobody wants are looked at too.
func (p *page) subjects() (wanted []int64, changed map[int64]bool, heads []int64) {
	changed = map[int64]bool{}
	for i := range p.entries {
		e := &p.entries[i]
		key := store.ChangeKey{Head: e.Head, Seq: e.Seq}
		switch e.What {
		case "tag", "archive", "revive", "prune":
			changed[e.Machine] = true
		case "commit":
			change, known := p.changes[key]
			if !known || e.Seq == 1 || slices.ContainsFunc(change.Kinds, func(kind string) bool { return slices.Contains(summarised, kind) }) {
				changed[e.Machine] = true
			}
		}
		if e.Machine == 0 || !p.wants(e) || e.What == "commit" && !p.fruitful(key) {
			continue
		}
		wanted = append(wanted, e.Machine)
		if e.Head != 0 {
			heads = append(heads, e.Head)
		}
	}
	return wanted, changed, heads
}

// fruitful reports whether a change may give events: what somebody wants to know of came or went.
func (p *page) fruitful(key store.ChangeKey) bool {
	change, known := p.changes[key]
	if !known {
		return false
	}
	if key.Seq == 1 || p.matcher.Wants(event.TypeHeartbeat) {
		return true
	}
	maker := event.NewMaker(event.Event{}, p.matcher)
	for i := range change.Deltas {
		d := &change.Deltas[i]
		kind := kindOf(d)
		added, removed := len(d.AddedIDs)+len(d.Added), len(d.RemovedIDs)+len(d.Removed)
		if added > 0 && maker.WantsChange(kind, true) || removed > 0 && maker.WantsChange(kind, false) {
			return true
		}
	}
	return false
}

// loadBodies reads the shared assets that came and went, and those of first snapshots.
func (p *page) loadBodies(ctx context.Context) error {
	var ids []int64
	maker := event.NewMaker(event.Event{}, p.matcher)
	for key, change := range p.changes {
		if key.Seq == 1 {
			continue
		}
		for i := range change.Deltas {
			d := &change.Deltas[i]
			added, removed := maker.WantsChange(d.Kind, true), maker.WantsChange(d.Kind, false)
			both := (added || removed) && timeField(d.Kind) != "" // whose time is whose takes all
			if added || both {
				ids = append(ids, d.AddedIDs...)
			}
			if removed || both {
				ids = append(ids, d.RemovedIDs...)
			}
		}
	}
	for _, sections := range p.firsts {
		for _, s := range sections {
			ids = append(ids, s.IDs...)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	var err error
	p.bodies, err = p.feed.store.SharedBodies(ctx, slices.Compact(ids))
	return err
}

// loadDefinitions reads what the statuses' checks said.
func (p *page) loadDefinitions(ctx context.Context) error {
	keys := map[store.CheckKey]bool{}
	for i := range p.entries {
		e := &p.entries[i]
		if e.What != "status" || len(e.Body) == 0 {
			continue
		}
		var changes []statusChange
		if json.Unmarshal(e.Body, &changes) != nil {
			continue // expand says so
		}
		p.statuses[i] = changes
		for _, c := range changes {
			keys[store.CheckKey{CheckID: c.Check, Version: c.Version}] = true
		}
	}
	return p.define(ctx, keys)
}

func (p *page) define(ctx context.Context, keys map[store.CheckKey]bool) error {
	if len(keys) == 0 {
		return nil
	}
	definitions, err := p.feed.store.CheckDefinitions(ctx, slices.Collect(maps.Keys(keys)))
	if p.definitions == nil {
		p.definitions = definitions
	}
	maps.Copy(p.definitions, definitions)
	return err
}

// loadAudits reads rows of the audit log, and the names of what they name by id.
func (p *page) loadAudits(ctx context.Context) error {
	var ids []int64
	for i := range p.entries {
		if e := &p.entries[i]; e.What == "audit" {
			id, err := strconv.ParseInt(e.Detail, 10, 64)
			if err == nil { // nobody else writes it
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var err error
	if p.audits, err = p.feed.store.AuditRows(ctx, ids); err != nil {
		return err
	}
	var taxonomies, units []int64
	checks := map[store.CheckKey]bool{}
	for _, row := range p.audits {
		named := namedBy(&row)
		taxonomies, units = append(taxonomies, named.taxonomies...), append(units, named.units...)
		for _, key := range named.checks {
			checks[key] = true
		}
	}
	if p.names.Taxonomies, err = p.feed.store.TaxonomyNames(ctx, taxonomies); err != nil {
		return err
	}
	if p.names.MetaBusinessUnits, err = p.feed.store.MetaBusinessUnitNames(ctx, units); err != nil {
		return err
	}
	return p.define(ctx, checks)
}
