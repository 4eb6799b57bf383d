// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
)

// viewEvents lets its holder read what happened to the machines in reach.
const viewEvents auth.Permission = "events.view_event"

// guarded are the types of events that tell what also takes another permission elsewhere, for every machine. Who has not
// got it is shown the others.
var guarded = map[string]auth.Permission{
	"zentral_audit":                  auth.ReadAudit,
	"enrollment_secret_verification": viewEnrollments,
}

// shownEvent is an event that a reader may see, and the place behind it.
type shownEvent struct {
	event event.Event
	key   eventKey
}

// sight is what the principal of a context may see.
type sight struct {
	all      bool           // machines, and what is about none
	machines map[int64]bool // in reach
	requests bool           // who asked for something, which the audit log tells
	hidden   map[string]bool
}

func (a *API) sightOf(ctx context.Context, batches []feed.Batch) (sight, error) {
	p, _ := auth.PrincipalOf(ctx)
	v := sight{all: p.Reach.All(), hidden: map[string]bool{}}
	everywhere := func(needed auth.Permission) bool {
		scope, ok := p.ScopeOf(needed)
		return ok && scope.All()
	}
	v.requests = everywhere(auth.ReadAudit)
	for name, needed := range guarded {
		v.hidden[name] = !everywhere(needed)
	}
	if v.all {
		return v, nil
	}
	var machines []int64
	for i := range batches {
		if batches[i].Machine != 0 {
			machines = append(machines, batches[i].Machine)
		}
	}
	if len(machines) == 0 {
		return v, nil
	}
	var err error
	v.machines, err = a.store.InReach(ctx, machines, p.Reach.Tags)
	return v, err
}

// show returns the events behind a place that the reader asks for and may see.
func (a *API) show(ctx context.Context, q *eventQuery, after eventKey, batches []feed.Batch) ([]shownEvent, error) {
	if len(batches) == 0 {
		return nil, nil
	}
	seen, err := a.sightOf(ctx, batches)
	if err != nil {
		return nil, err
	}
	var shown []shownEvent
	before := after.Position
	for i := range batches {
		b := &batches[i]
		if !seen.all && !seen.machines[b.Machine] {
			continue
		}
		first := len(shown)
		for _, e := range b.Events {
			switch {
			case after.sent(b.Position, e.Index), seen.hidden[e.Type], q.serial != "" && e.SerialNumber != q.serial, !q.matcher.Match(&e):
				continue
			case !seen.requests:
				e.Request = nil
			}
			shown = append(shown, shownEvent{e, eventKey{before, &eventPart{b.Position, e.Index}}})
		}
		if len(shown) > first {
			shown[len(shown)-1].key = eventKey{Position: b.Position}
			before = b.Position
		}
	}
	return shown, nil
}
