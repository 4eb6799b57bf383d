// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// journal is a feed of events that tests append to, one to three for each entry.
type journal struct {
	batches []feed.Batch
	reads   int
	err     error
}

func (j *journal) add(types ...string) {
	b := feed.Batch{Position: store.Position{XID: uint64(len(j.batches) + 1), ID: 1}, Machine: 1}
	for i, name := range types {
		b.Events = append(b.Events, event.Event{Batch: uuid.UUID{byte(len(j.batches))}, Index: i, Type: name, Namespace: "n", Payload: json.RawMessage(`{}`)})
	}
	j.batches = append(j.batches, b)
}

func (j *journal) read(_ context.Context, after store.Position, limit int, f *event.Filter) ([]feed.Batch, store.Position, error) {
	j.reads++
	if j.err != nil {
		return nil, after, j.err
	}
	matcher, err := (&event.Filter{}).Compile()
	if f != nil {
		matcher, err = f.Compile()
	}
	var out []feed.Batch
	for _, b := range j.batches {
		if !after.Before(b.Position) || limit == 0 {
			continue
		}
		limit--
		after = b.Position
		var events []event.Event
		for _, e := range b.Events {
			if matcher.Match(&e) {
				events = append(events, e)
			}
		}
		if len(events) > 0 {
			out = append(out, feed.Batch{Position: b.Position, Machine: b.Machine, Events: events})
		}
	}
	return out, after, err
}

func queryFor(t *testing.T, types ...string) *eventQuery {
	t.Helper()
	q := &eventQuery{filter: event.Filter{Types: types}, limit: 1000, list: api.List{Name: "events"}}
	var err error
	if q.matcher, err = q.filter.Compile(); err != nil {
		t.Fatal(err)
	}
	return q
}

// everyone is the context of somebody who may see everything.
func everyone(t *testing.T) context.Context {
	t.Helper()
	return auth.WithPrincipal(t.Context(), auth.Principal{Kind: auth.User, ID: 1, Grants: []auth.Grant{{Permissions: auth.SetOf(auth.All)}}})
}

// TestStreamsShareWhatTheyRead follows one journal with three streams that want different events, of which one comes late.
func TestStreamsShareWhatTheyRead(t *testing.T) {
	t.Parallel()
	j := &journal{}
	h := newEventHub(j.read)
	a := &API{events: h}
	names := []string{"add_machine", "machine_tag", "machine_compliance_change"}
	streams := map[*eventQuery]*eventStream{}
	got := map[*eventQuery]int{}
	begin := map[*eventQuery]int{}
	join := func(q *eventQuery) {
		if _, ok, err := h.join(t.Context(), q); !ok || err != nil {
			t.Fatal(ok, err)
		}
		streams[q] = &eventStream{api: a, query: q, at: eventKey{Position: store.Position{XID: uint64(len(j.batches)), ID: 1}}}
		begin[q] = len(j.batches)
	}
	tags, all := queryFor(t, "machine_tag"), queryFor(t)
	join(queryFor(t, "add_machine"))
	join(tags)
	for n := range 400 {
		j.add(names[:1+n%3]...)
		if n == 150 {
			join(all)
		}
		if n%7 != 0 {
			continue
		}
		for q, s := range streams {
			h.polled = time.Time{} // time passes
			frames, err := s.read(everyone(t))
			if err != nil {
				t.Fatal(err)
			}
			got[q] += strings.Count(string(frames.block), "\nevent: ")
		}
	}
	for q, s := range streams {
		for {
			h.polled = time.Time{}
			frames, err := s.read(everyone(t))
			if err != nil {
				t.Fatal(err)
			}
			if got[q] += strings.Count(string(frames.block), "\nevent: "); !frames.moved {
				break
			}
		}
		want := 0
		for _, b := range j.batches[begin[q]:] {
			for _, e := range b.Events {
				if q.matcher.Match(&e) {
					want++
				}
			}
		}
		if got[q] != want {
			t.Errorf("%v: got %d events, want %d", q.filter.Types, got[q], want)
		}
	}
	reads := j.reads
	for range 100 {
		for _, s := range streams {
			if _, err := s.read(everyone(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if j.reads-reads > 3 {
		t.Errorf("three quiet streams read %d times at once", j.reads-reads)
	}
}

// TestPagesOfAnySizeGiveTheSame reads a list with cursors in the middle of entries.
func TestPagesOfAnySizeGiveTheSame(t *testing.T) {
	t.Parallel()
	j := &journal{}
	names := []string{"add_machine", "machine_tag", "machine_compliance_change"}
	for n := range 120 {
		j.add(names[:n%4]...)
	}
	a := &API{events: newEventHub(j.read)}
	want := ""
	for limit := 1000; limit > 0; limit /= 3 {
		q, got := queryFor(t, "add_machine", "machine_tag"), ""
		q.limit = limit
		for range 1000 {
			page, err := a.eventPage(everyone(t), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				got += string(e) + "\n"
			}
			before := q.after
			q.after = eventKey{}
			if err := api.DecodeCursor(q.list, page.NextCursor, &q.after); err != nil {
				t.Fatal(err)
			}
			if len(page.Events) == 0 && before.Position == q.after.Position {
				break
			}
		}
		if want == "" {
			want = got
		}
		if got != want || strings.Count(got, "\n") != 150 {
			t.Errorf("in pages of %d: %d events, want 150 in the same order", limit, strings.Count(got, "\n"))
		}
	}
}

func TestStreamsEndWhenTheirReaderMayReadNoMore(t *testing.T) {
	t.Parallel()
	forbidden := api.Refuse(http.StatusForbidden, "no")
	broken := errors.New("no database")
	tests := []struct {
		name  string
		again error
		read  error
		epoch string // at the next look
		want  error
		sent  int
	}{
		{name: "it is forbidden now", again: forbidden, sent: 1},
		{name: "nobody knows", again: broken, want: broken, sent: 1},
		{name: "another database", epoch: "other", sent: 1},
		{name: "trimmed", read: feed.ErrTrimmed, sent: 1},
		{name: "no database", read: broken, want: broken, sent: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := &journal{err: tt.read}
			looks, sent := 0, 0
			tick := make(chan time.Time, 1)
			tick <- time.Time{}
			s := &eventStream{
				api: &API{events: newEventHub(j.read)}, query: queryFor(t),
				write: func([]byte) error { sent++; return nil },
				again: func() (auth.Principal, error) { return auth.Principal{}, tt.again },
				epoch: func() string {
					looks++
					return map[bool]string{true: tt.epoch}[looks > 1]
				},
			}
			if tt.again != nil {
				s.recheck = tick
			} else {
				s.poll = tick
			}
			if err := s.run(everyone(t), eventFrames{}); !errors.Is(err, tt.want) || sent != tt.sent {
				t.Errorf("got %v after %d blocks, want %v after %d", err, sent, tt.want, tt.sent)
			}
		})
	}
}

func FuzzEventCursor(f *testing.F) {
	list := api.List{Name: "events", Epoch: "e"}
	f.Add(api.EncodeCursor(list, eventKey{Position: store.Position{XID: 7, ID: 8}}))
	f.Add(api.EncodeCursor(list, eventKey{Position: store.Position{XID: 7}, Part: &eventPart{Position: store.Position{XID: 8, ID: 1}, Index: 3}}))
	f.Add("x")
	f.Fuzz(func(t *testing.T, text string) {
		var key eventKey
		if api.DecodeCursor(list, text, &key) != nil || text == "" {
			return
		}
		var again eventKey
		if err := api.DecodeCursor(list, api.EncodeCursor(list, key), &again); err != nil || again.Position != key.Position {
			t.Errorf("%q: %v, got %v, want %v", text, err, again, key)
		}
		key.sent(store.Position{XID: 8, ID: 1}, 2)
	})
}
