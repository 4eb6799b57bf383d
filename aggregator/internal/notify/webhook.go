// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// refusedAttempts is how often a receiver is asked that says it does not want an event.
	refusedAttempts = 3
	// maxRetryAfter bounds how long a receiver may ask us to wait.
	maxRetryAfter = time.Hour
	// maxReplays is how many dead letters of a sink are on their way again at once.
	maxReplays = 100
)

// webhook posts events to a receiver. It implements outlet.
type webhook struct {
	*runner
	client *http.Client
	window *window
	slots  chan struct{} // one for each attempt under way

	mu        sync.Mutex
	rest      time.Time      // the receiver asked for quiet until then
	replaying map[int64]bool // dead letters under way
}

func (r *runner) openWebhook() *webhook {
	w := &webhook{
		runner: r, client: newClient(&r.definition), slots: make(chan struct{}, r.sink.Concurrency), replaying: map[int64]bool{},
	}
	w.window = newWindow(r.lease.Position, w.send, r.cancel)
	return w
}

func (w *webhook) settled() store.Position { return w.window.settled() }

func (w *webhook) wait() {
	w.window.busy.Wait()
	w.client.CloseIdleConnections()
}

// push implements outlet.
func (w *webhook) push(ctx context.Context, batches []feed.Batch, next store.Position) error {
	for i := range batches {
		messages := make([]message, len(batches[i].Events))
		for j := range batches[i].Events {
			messages[j].event = &batches[i].Events[j]
		}
		if err := w.window.put(ctx, batches[i].Position, messages); err != nil {
			return err
		}
	}
	return w.window.put(ctx, next, nil)
}

func (w *webhook) beat(ctx context.Context, events []event.Event) error {
	for i := range events {
		if err := w.window.putBeat(ctx, message{event: &events[i]}); err != nil {
			return err
		}
	}
	return nil
}

// replay implements outlet. Replays do not wait for room, and take none from what is new: there are few at a time.
func (w *webhook) replay(ctx context.Context, letters []store.DeadLetter) bool {
	for i := range letters {
		id := letters[i].ID
		w.mu.Lock()
		known, full := w.replaying[id], len(w.replaying) >= maxReplays
		if !known && !full {
			w.replaying[id] = true
		}
		w.mu.Unlock()
		if full {
			return false
		}
		if known {
			continue
		}
		w.window.putReplay(ctx, message{letter: &letters[i]}, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.replaying, id)
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.replaying) <= maxReplays/2 // looking for a few costs as much
}

// send delivers a message or gives it up; the error is that of ctx, or errGone.
func (w *webhook) send(ctx context.Context, m *message) error {
	for attempt := 1; ; attempt++ {
		answer, err := w.attempt(ctx, m)
		if err != nil {
			return err
		}
		if answer.ok() {
			return w.delivered(ctx, m)
		}
		if answer.status == http.StatusGone {
			return errGone
		}
		if attempt >= w.sink.MaxAttempts || answer.final() && attempt >= refusedAttempts {
			return w.bury(ctx, m, attempt, answer.Error())
		}
		if err := sleep(ctx, backoff(w.sink.FirstRetry, w.sink.LastRetry, attempt)); err != nil {
			return err
		}
	}
}

// backoff is how long to wait after an attempt, the first being 1: anything up to first, doubled with each, at most last.
func backoff(first, last time.Duration, attempt int) time.Duration {
	most := last
	if doublings := attempt - 1; doublings < 32 && first<<doublings > 0 {
		most = min(last, first<<doublings)
	}
	return rand.N(most + 1)
}

// attempt posts a message when it is its turn.
func (w *webhook) attempt(ctx context.Context, m *message) (answer, error) {
	if err := w.turn(ctx); err != nil {
		return answer{}, err
	}
	defer func() { <-w.slots }()
	begun := time.Now()
	got := post(ctx, w.client, &w.definition, m, begun)
	if ctx.Err() != nil && !got.ok() {
		return got, ctx.Err() // it was cut off by us
	}
	if got.ok() {
		w.tally.count(nil)
	} else {
		w.tally.count(got)
	}
	w.meters.attempt(w.name, time.Since(begun), got.ok())
	if got.retryAfter > 0 {
		w.mu.Lock()
		w.rest = begun.Add(min(got.retryAfter, maxRetryAfter))
		w.mu.Unlock()
	}
	return got, nil
}

// turn waits until the receiver may be asked, and takes one of the slots.
func (w *webhook) turn(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case w.slots <- struct{}{}:
		}
		w.mu.Lock()
		rest := time.Until(w.rest)
		w.mu.Unlock()
		if rest <= 0 {
			return nil
		}
		<-w.slots
		if err := sleep(ctx, rest); err != nil {
			return err
		}
	}
}

// delivered notes a success. What was a dead letter is none any more.
func (w *webhook) delivered(ctx context.Context, m *message) error {
	w.tally.delivered(1)
	if m.letter == nil {
		return nil
	}
	return w.stored(ctx, func(ctx context.Context) error { return w.store.EndReplay(ctx, m.letter.ID) })
}

// bury makes a dead letter of a message.
func (w *webhook) bury(ctx context.Context, m *message, attempts int, why string) error {
	letter := m.dead(w.name, w.probes, attempts, why)
	err := w.stored(ctx, func(ctx context.Context) error { return w.store.PutDeadLetter(ctx, letter) })
	if err == nil {
		w.meters.dead(w.name)
		w.log.Warn("event given up", "sink", w.name, "event", letter.EventID, "type", letter.Type, "attempts", attempts, "err", why)
	}
	return err
}

// stored writes something that must not be lost, however long the database is away. It fails only with ctx.
func (w *webhook) stored(ctx context.Context, write func(context.Context) error) error {
	for {
		asked, cancel := context.WithTimeout(ctx, limit)
		err := write(asked)
		cancel()
		if err == nil {
			return nil
		}
		if err := w.pause(ctx, err); err != nil {
			return err
		}
	}
}
