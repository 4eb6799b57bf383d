// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Where to begin without a cursor, as the parameter from says it.
const (
	fromOldest = "oldest" // with the oldest event that is kept
	fromNow    = "now"    // with what happens from now on
)

// eventQuery is what a reader of events asks for.
type eventQuery struct {
	filter  event.Filter
	matcher *event.Matcher
	serial  string // of the machine that they are about; "": of any, or none
	limit   int
	list    api.List
	after   eventKey
	resumed bool // after is what a cursor says
}

// eventKey is the place behind an event.
type eventKey struct {
	store.Position            // all entries of the journal up to there are done
	Part           *eventPart `json:"part,omitempty"` // nil: nothing of those behind it
}

// eventPart is how far an entry is done that has several events.
type eventPart struct {
	store.Position
	Index int `json:"index"` // of the last event of it
}

// sent tells whether an event of an entry lies before the place.
func (k *eventKey) sent(p store.Position, index int) bool {
	return !k.Before(p) || k.Part != nil && k.Part.Position == p && index <= k.Part.Index
}

// eventLists are the parameters that may be given several times, and the filter's names for them.
var eventLists = map[string]string{"type": "types", "tag": "tags", "source": "sources", "platform": "platforms", "machine_tag": "machine_tags"}

// eventQuery reads what both ways to read events have in common. from is where to begin when nothing says so.
func (a *API) eventQuery(r *http.Request, from string) (*eventQuery, error) {
	q, err := api.ParseLists(r, []string{"type", "tag", "source", "platform", "machine_tag"},
		"type", "tag", "source", "platform", "machine_tag", "serial_number", "expression", "from", "since", "cursor", "limit")
	if err != nil {
		return nil, err
	}
	e := &eventQuery{serial: q.Text("serial_number"), list: a.list("events")}
	if e.limit, err = q.Limit(); err != nil {
		return nil, err
	}
	e.filter = event.Filter{
		Types: q.Texts("type"), Tags: q.Texts("tag"), Sources: q.Texts("source"), Platforms: q.Texts("platform"),
		Expression: q.Text("expression"),
	}
	for _, text := range q.Texts("machine_tag") {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, api.Refuse(http.StatusBadRequest, "machine_tag: ids of tags, which are numbers")
		}
		e.filter.MachineTags = append(e.filter.MachineTags, id)
	}
	if e.matcher, err = e.filter.Compile(); err != nil {
		return nil, inParameters(err)
	}
	return e, a.beginAt(r, q, e, from)
}

// inParameters gives the problems of a filter the names of the query's parameters.
func inParameters(err error) error {
	fields, ok := errors.AsType[compliance.FieldErrors](err)
	if !ok {
		return err
	}
	named := compliance.FieldErrors{}
	for field, texts := range fields {
		for parameter, name := range eventLists {
			if list, _, _ := strings.Cut(field, "["); list == name {
				field = parameter
				break
			}
		}
		named[field] = append(named[field], texts...)
	}
	return named
}

// beginAt finds the place behind which to read: that of the cursor, else what from and since say.
func (a *API) beginAt(r *http.Request, q api.Query, e *eventQuery, from string) error {
	cursor := q.Text("cursor")
	if last := r.Header.Get("Last-Event-ID"); last != "" { // what a browser sends that comes back
		cursor = last
	}
	if cursor != "" {
		e.resumed = true
		if err := api.DecodeCursor(e.list, cursor, &e.after); err != nil {
			return err
		}
		return a.reached(r.Context(), e.after.Position)
	}
	since, err := q.Time("since")
	if err != nil {
		return err
	}
	if text := q.Text("from"); text != "" {
		from = text
	}
	switch {
	case !since.IsZero() && q.Text("from") != "":
		return api.Refuse(http.StatusBadRequest, "from: not together with since")
	case !since.IsZero():
		e.after.Position, err = a.store.JournalSince(r.Context(), since)
	case from == fromNow:
		e.after.Position, err = a.store.JournalEnd(r.Context())
	case from == fromOldest:
		e.after.Position, err = a.store.JournalFloor(r.Context())
	default:
		return api.Refuse(http.StatusBadRequest, "from: %s or %s", fromOldest, fromNow)
	}
	return err
}

// reached refuses a place that nobody can have been at: readers that share what they read would wait for it.
func (a *API) reached(ctx context.Context, place store.Position) error {
	end, err := a.store.JournalEnd(ctx)
	if err == nil && end.Before(place) {
		err = api.Refuse(http.StatusGone, "cursor: it lies ahead of all that happened; begin anew without a cursor, or with from=now")
	}
	return err
}

// trimmed explains an error that says that the events behind a place are not kept any more.
func (a *API) trimmed(ctx context.Context, err error) error {
	if !errors.Is(err, feed.ErrTrimmed) {
		return err
	}
	p := api.Refuse(http.StatusGone, "cursor: the events behind it are not kept any more; begin anew without a cursor, or with from=now")
	if oldest, err := a.store.OldestEntry(ctx); err == nil && !oldest.IsZero() {
		oldest = oldest.UTC()
		p.Oldest = &oldest
	}
	return p
}
