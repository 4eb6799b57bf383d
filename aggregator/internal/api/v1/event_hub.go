// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// maxEventStreams is how many clients one aggregator tells live what happens.
	maxEventStreams = 64
	// eventPoll is how soon they hear of it, and how often the journal is looked at for all of them together.
	eventPoll = 500 * time.Millisecond
	// keptEvents is how many events are kept for the streams that have not sent them yet. One that is further behind
	// reads for itself.
	keptEvents = 5000
)

// eventHub reads the journal once for all streams: whichever of them is due reads, and the others find it here. Without
// a stream it does nothing. It is safe for concurrent use.
type eventHub struct {
	read readFeed

	turn    chan struct{} // taken by who looks at what follows
	streams map[*eventQuery]struct{}
	filter  *event.Filter // what the streams want together; nil: everything
	start   store.Position
	end     store.Position // all between start and end that the filter lets through is kept
	kept    []feed.Batch
	events  int // in kept
	polled  time.Time
}

func newEventHub(read readFeed) *eventHub {
	return &eventHub{read: read, turn: make(chan struct{}, 1), streams: map[*eventQuery]struct{}{}}
}

// lock waits for the turn, as long as ctx lasts.
func (h *eventHub) lock(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *eventHub) unlock() { <-h.turn }

// join adds a stream, which leaves when it ends; false when there are too many.
func (h *eventHub) join(ctx context.Context, q *eventQuery) (leave func(), ok bool, err error) {
	if err := h.lock(ctx); err != nil {
		return nil, false, err
	}
	defer h.unlock()
	if len(h.streams) >= maxEventStreams {
		return nil, false, nil
	}
	h.streams[q] = struct{}{}
	h.forget()
	return func() {
		h.turn <- struct{}{}
		defer h.unlock()
		delete(h.streams, q)
		h.forget()
	}, true, nil
}

// forget drops what is kept, because other streams want other events.
func (h *eventHub) forget() {
	h.filter, h.start, h.kept, h.events = &event.Filter{}, h.end, nil, 0
	for q := range h.streams {
		if len(q.filter.Types) == 0 {
			h.filter = nil
			return
		}
		h.filter.Types = append(h.filter.Types, q.filter.Types...)
	}
	slices.Sort(h.filter.Types)
	h.filter.Types = slices.Compact(h.filter.Types)
}

// next returns what lies behind a place, unfiltered where several streams share it, and how far that goes.
func (h *eventHub) next(ctx context.Context, q *eventQuery, after store.Position) ([]feed.Batch, store.Position, error) {
	if err := h.lock(ctx); err != nil {
		return nil, after, err
	}
	if len(h.streams) < 2 || after.Before(h.start) {
		h.unlock()
		return h.read(ctx, after, eventEntries, &q.filter)
	}
	defer h.unlock()
	if h.end.Before(after) { // nobody has looked for a while
		h.start, h.end, h.kept, h.events, h.polled = after, after, nil, 0, time.Time{}
	}
	if after == h.end && time.Since(h.polled) >= eventPoll*3/4 {
		batches, end, err := h.read(ctx, h.end, eventEntries, h.filter)
		if err != nil {
			return nil, after, err
		}
		if h.end == end { // more may be waiting otherwise
			h.polled = time.Now()
		}
		h.keep(batches, end)
		return batches, end, nil
	}
	behind := slices.IndexFunc(h.kept, func(b feed.Batch) bool { return after.Before(b.Position) })
	if behind < 0 {
		return nil, h.end, nil
	}
	return slices.Clone(h.kept[behind:]), h.end, nil
}

// keep adds what was read, and drops the oldest when that is too much.
func (h *eventHub) keep(batches []feed.Batch, end store.Position) {
	h.end = end
	for _, b := range batches {
		h.kept = append(h.kept, b)
		h.events += len(b.Events)
	}
	for h.events > keptEvents {
		h.events -= len(h.kept[0].Events)
		h.start = h.kept[0].Position
		h.kept = slices.Delete(h.kept, 0, 1)
	}
}
