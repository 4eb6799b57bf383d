// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Bounds of one page of events. A page that ends at one of them, or of whose entries the filter lets none through, is
// short or empty; the next one goes on behind it.
const (
	eventEntries     = 50   // of the journal, read at once
	maxEventEntries  = 2000 // read for one page
	maxEventBytes    = 8 << 20
	maxEventPageTime = 5 * time.Second
)

// readFeed is feed.Feed.Read.
type readFeed func(ctx context.Context, after store.Position, limit int, filter *event.Filter) ([]feed.Batch, store.Position, error)

// eventPage is an answer of the list of events.
type eventPage struct {
	Events     []json.RawMessage `json:"events"`
	NextCursor string            `json:"next_cursor"` // always there: more events will come
	Oldest     *time.Time        `json:"oldest,omitempty"`
}

// listEvents lists what happened, the oldest first.
func (a *API) listEvents(w http.ResponseWriter, r *http.Request) error {
	q, err := a.eventQuery(r, fromOldest)
	if err != nil {
		return err
	}
	page, err := a.eventPage(r.Context(), q)
	if err != nil {
		return a.trimmed(r.Context(), err)
	}
	if !q.resumed {
		oldest, err := a.store.OldestEntry(r.Context())
		if err != nil {
			return err
		}
		if !oldest.IsZero() {
			oldest = oldest.UTC()
			page.Oldest = &oldest
		}
	}
	w.Header().Set("Cache-Control", "private, no-store")
	return api.WriteJSON(w, http.StatusOK, page)
}

// eventPage reads until the page is full, all is read, or one of the bounds is met.
func (a *API) eventPage(ctx context.Context, q *eventQuery) (eventPage, error) {
	page := eventPage{Events: []json.RawMessage{}}
	begin, size, at := time.Now(), 0, q.after
	for scanned := 0; scanned < maxEventEntries && time.Since(begin) < maxEventPageTime; scanned += eventEntries {
		batches, next, err := a.events.read(ctx, at.Position, eventEntries, &q.filter)
		if err != nil {
			return page, err
		}
		if next == at.Position {
			break
		}
		shown, err := a.show(ctx, q, at, batches)
		if err != nil {
			return page, err
		}
		for _, s := range shown {
			if len(page.Events) == q.limit || size >= maxEventBytes {
				page.NextCursor = api.EncodeCursor(q.list, at)
				return page, nil
			}
			page.Events = append(page.Events, s.event.AppendJSON(nil))
			size += len(page.Events[len(page.Events)-1])
			at = s.key
		}
		at = eventKey{Position: next}
	}
	page.NextCursor = api.EncodeCursor(q.list, at)
	return page, nil
}
