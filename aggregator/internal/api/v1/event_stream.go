// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
)

const (
	// eventPing is how often a quiet stream shows that it is alive.
	eventPing = 15 * time.Second
	// eventRecheck is how often a stream asks whether its reader may still read.
	eventRecheck = time.Minute
)

// eventStreamRoute is the row of the stream, which asks again and again whether it may go on.
func (a *API) eventStreamRoute() api.Route {
	return api.Route{Pattern: "GET /api/v1/events/stream", Needs: api.Needs(viewEvents, auth.ReadInventory), Reach: api.Scoped, Handler: a.streamEvents}
}

// streamEvents tells what happens as it happens, as Server-Sent Events. It ends with the client, the token and the
// aggregator; a client that comes back with the id it saw last misses nothing.
func (a *API) streamEvents(w http.ResponseWriter, r *http.Request) error {
	q, err := a.eventQuery(r, fromNow)
	if err != nil {
		return err
	}
	leave, ok, err := a.events.join(r.Context(), q)
	if err != nil {
		return err
	}
	if !ok {
		w.Header().Set("Retry-After", "60")
		return api.Refuse(http.StatusServiceUnavailable, "Too many clients read the live stream; come back later, or read the list.")
	}
	defer leave()
	p, _ := auth.PrincipalOf(r.Context())
	s := &eventStream{
		api: a, query: q, at: q.after, end: endOf(p), stopping: a.stopping, epoch: a.store.CurrentEpoch,
		again: func() (auth.Principal, error) { return a.door.Again(r, a.eventStreamRoute()) },
	}
	poll, ping, recheck := time.NewTicker(eventPoll), time.NewTicker(eventPing), time.NewTicker(eventRecheck)
	defer poll.Stop()
	defer ping.Stop()
	defer recheck.Stop()
	s.poll, s.ping, s.recheck = poll.C, ping.C, recheck.C
	first, err := s.read(r.Context())
	if err != nil {
		return a.trimmed(r.Context(), err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Accel-Buffering", "no")           // for proxies that would collect the answer
	h.Set(gzhttp.HeaderNoCompression, "1")     // for the compressing handler, which takes it out again
	h.Set("X-Content-Type-Options", "nosniff") // it is no page
	if r.Method == http.MethodHead {
		return nil
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Time{}) // the request is read; whatever cannot do that ends the stream in time
	out := api.Patient(w)
	s.write = func(block []byte) error {
		if _, err := out.Write(block); err != nil {
			return err
		}
		return connection.Flush()
	}
	return s.run(r.Context(), first)
}

// endOf is a timer for the end of what the principal shows; nil: it has none.
func endOf(p auth.Principal) <-chan time.Time {
	if p.Until == nil {
		return nil
	}
	return time.After(time.Until(*p.Until))
}

// eventStream is one client that is told.
type eventStream struct {
	api   *API
	query *eventQuery
	at    eventKey
	write func([]byte) error
	again func() (auth.Principal, error)
	epoch func() string // of the database

	poll, ping, recheck, end <-chan time.Time
	stopping                 <-chan struct{}
}

// alwaysReady never makes anybody wait.
var alwaysReady = func() chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()

// run sends what there is, and then what happens, until somebody or something ends it. frames were read already.
func (s *eventStream) run(ctx context.Context, frames eventFrames) error {
	epoch := s.epoch()
	frames.block = slices.Concat(s.place(), frames.block)
	for {
		if len(frames.block) > 0 {
			if err := s.write(frames.block); err != nil {
				return gone(ctx, err)
			}
		}
		poll := s.poll
		if frames.moved { // there may be more at once
			poll = alwaysReady
		}
		frames = eventFrames{}
		select {
		case <-ctx.Done():
			return nil
		case <-s.end:
			return nil
		case <-s.stopping:
			return nil
		case <-s.recheck:
			p, err := s.again()
			if err != nil {
				return refused(ctx, err)
			}
			ctx = auth.WithPrincipal(ctx, p)
		case <-s.ping:
			frames.block = s.place()
		case <-poll:
			if s.epoch() != epoch { // places of the other database mean nothing here
				return nil
			}
			var err error
			if frames, err = s.read(ctx); err != nil {
				return gone(ctx, err)
			}
		}
	}
}

// gone is nil where the client went away, or has to begin anew: it learns why when it comes back.
func gone(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, feed.ErrTrimmed) {
		return nil //nolint:nilerr // nobody is there to be told
	}
	return err
}

// refused is nil where the reader may not read any more.
func refused(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*api.Problem](err); ok {
		return nil
	}
	return gone(ctx, err)
}

// eventFrames is what to send next.
type eventFrames struct {
	block []byte
	moved bool // the place did
}

// read returns the events behind the place, and moves it.
func (s *eventStream) read(ctx context.Context) (eventFrames, error) {
	batches, next, err := s.api.events.next(ctx, s.query, s.at.Position)
	if err != nil {
		return eventFrames{}, err
	}
	shown, err := s.api.show(ctx, s.query, s.at, batches)
	if err != nil {
		return eventFrames{}, err
	}
	var out eventFrames
	for i := range shown {
		out.block = s.frame(out.block, &shown[i])
	}
	if out.moved = next != s.at.Position; out.moved {
		s.at = eventKey{Position: next}
	}
	return out, nil
}

// frame appends an event as it goes over the line.
func (s *eventStream) frame(dst []byte, e *shownEvent) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, api.EncodeCursor(s.query.list, e.key)...)
	dst = append(dst, "\nevent: "...)
	dst = append(dst, e.event.Type...)
	dst = append(dst, "\ndata: "...)
	line := len(dst)
	dst = e.event.AppendJSON(dst)
	for i := line; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' { // JSON has them between tokens alone
			dst[i] = ' '
		}
	}
	return append(dst, "\n\n"...)
}

// place says how far the client has come, without any event: browsers remember it.
func (s *eventStream) place() []byte {
	return []byte(": alive\nid: " + api.EncodeCursor(s.query.list, s.at) + "\n\n")
}
