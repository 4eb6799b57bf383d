// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const kindUnit = "business_unit"

// kindOf returns the kind that a delta is about, as events see it: of what only the aggregator knows they tell the
// business unit.
func kindOf(d *pack.Delta) string {
	if d.Kind == pack.KindAdded {
		return kindUnit
	}
	return d.Kind
}

// kindChanges returns what a change did, with the bodies that somebody wants.
func (p *page) kindChanges(maker *event.Maker, key store.ChangeKey, change *store.Change) ([]event.KindChange, error) {
	changes := make([]event.KindChange, 0, len(change.Deltas))
	unit := -1
	for i := range change.Deltas {
		d := &change.Deltas[i]
		var c event.KindChange
		var err error
		switch {
		case d.Kind == pack.KindAdded:
			c, err = unitChange(d)
		case event.Silent(d.Kind):
			continue
		default:
			c, err = p.kindChange(maker, key, d)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Kind, err)
		}
		if len(c.Added)+len(c.Removed) == 0 {
			continue
		}
		if c.Kind == kindUnit {
			if unit >= 0 { // both said something: the tree has the aggregator's
				if d.Kind == pack.KindAdded {
					changes[unit] = c
				}
				continue
			}
			unit = len(changes)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// kindChange returns what a change did to one section.
func (p *page) kindChange(maker *event.Maker, key store.ChangeKey, d *pack.Delta) (event.KindChange, error) {
	c := event.KindChange{Kind: d.Kind}
	times := p.times[timesKey{key, d.Kind}]
	var err error
	if c.Added, err = p.objects(d.Kind, d.AddedIDs, d.Added, times.added, maker.WantsChange(d.Kind, true)); err != nil {
		return c, err
	}
	c.Removed, err = p.objects(d.Kind, d.RemovedIDs, d.Removed, times.removed, maker.WantsChange(d.Kind, false))
	return c, err
}

// objects returns shared or private assets as they stand in a tree, as many nils when nobody wants them.
func (p *page) objects(kind string, ids []int64, facts []snapshot.Asset, times map[asset.Digest]int64, wanted bool) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, len(ids)+len(facts))
	if !wanted {
		return out, nil
	}
	field := timeField(kind)
	for i := range out {
		var a snapshot.Asset
		if i < len(ids) {
			a = p.bodies[ids[i]]
		} else {
			a = facts[i-len(ids)]
		}
		if a.Body == nil {
			return nil, fmt.Errorf("asset %d: %w", ids[i], store.ErrNoAsset)
		}
		out[i] = a.Body
		if seconds, ok := times[a.Digest]; ok {
			out[i] = withTime(a.Body, field, seconds)
		}
	}
	return out, nil
}

// unitChange returns what a change did to the business unit among the aggregator's keys.
func unitChange(d *pack.Delta) (event.KindChange, error) {
	c := event.KindChange{Kind: kindUnit}
	before, err := unitIn(d.Removed)
	if err != nil {
		return c, err
	}
	after, err := unitIn(d.Added)
	if err != nil || bytes.Equal(before, after) {
		return c, err
	}
	if before != nil {
		c.Removed = []json.RawMessage{before}
	}
	if after != nil {
		c.Added = []json.RawMessage{after}
	}
	return c, nil
}

func unitIn(facts []snapshot.Asset) (json.RawMessage, error) {
	if len(facts) == 0 {
		return nil, nil
	}
	var keys struct {
		BusinessUnit json.RawMessage `json:"business_unit"`
	}
	if err := json.Unmarshal(facts[0].Body, &keys); err != nil {
		return nil, err
	}
	return keys.BusinessUnit, nil
}
