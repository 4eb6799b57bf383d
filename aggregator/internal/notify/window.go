// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// What may be under way for one sink. After a kill it is sent again.
const (
	maxOpenEntries = 10_000
	maxOpenBytes   = 32 << 20
)

// window delivers entries of the journal in lanes: what is in one lane is sent one after the other, lanes are beside
// each other. It knows up to where everything is settled.
type window struct {
	send func(context.Context, *message) error // delivers or gives up; an error ends the lane, and so the window
	fail func(error)

	mu    sync.Mutex
	open  []*entry // in order, from the oldest that is not settled
	at    store.Position
	lanes map[int64][]parcel // under way; a lane that is there has somebody who works on it
	bytes int
	room  chan struct{} // something was settled
	busy  sync.WaitGroup
}

// entry is an entry of the journal until everything of it is settled.
type entry struct {
	position store.Position
	left     int // messages
}

// parcel is a message in its lane.
type parcel struct {
	message
	entry *entry // nil: no position stands for it
	done  func() // of a replay; nil: it is none
}

// weight is what a parcel counts of maxOpenBytes.
func (p *parcel) weight() int {
	if p.done != nil {
		return 0
	}
	return p.size()
}

func newWindow(at store.Position, send func(context.Context, *message) error, fail func(error)) *window {
	return &window{send: send, fail: fail, at: at, lanes: map[int64][]parcel{}, room: make(chan struct{}, 1)}
}

// settled is the position up to which everything was sent or given up.
func (w *window) settled() store.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// put adds messages of one entry, and blocks while too much is under way. The entry may have none.
func (w *window) put(ctx context.Context, position store.Position, messages []message) error {
	if err := w.wait(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e := &entry{position: position, left: len(messages)}
	w.open = append(w.open, e)
	for i := range messages {
		w.enqueue(ctx, parcel{message: messages[i], entry: e})
	}
	w.advance()
	return nil
}

// putBeat adds a message that no position stands for, and blocks as put does.
func (w *window) putBeat(ctx context.Context, m message) error {
	if err := w.wait(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.enqueue(ctx, parcel{message: m})
	return nil
}

// putReplay adds a message that is no part of what may be under way, and calls done when it is settled.
func (w *window) putReplay(ctx context.Context, m message, done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.enqueue(ctx, parcel{message: m, done: done})
}

// wait returns when there is room.
func (w *window) wait(ctx context.Context) error {
	for {
		w.mu.Lock()
		full := len(w.open) >= maxOpenEntries || w.bytes >= maxOpenBytes
		w.mu.Unlock()
		if !full {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.room:
		}
	}
}

// enqueue needs the lock.
func (w *window) enqueue(ctx context.Context, p parcel) {
	w.bytes += p.weight()
	lane := p.lane()
	queue, working := w.lanes[lane]
	w.lanes[lane] = append(queue, p)
	if !working {
		w.busy.Go(func() { w.work(ctx, lane) })
	}
}

// work sends what is in a lane until there is nothing more.
func (w *window) work(ctx context.Context, lane int64) {
	for {
		w.mu.Lock()
		queue := w.lanes[lane]
		if len(queue) == 0 {
			delete(w.lanes, lane)
			w.mu.Unlock()
			return
		}
		p := queue[0]
		queue[0] = parcel{} // what was sent need not be kept
		w.lanes[lane] = queue[1:]
		w.mu.Unlock()
		if err := w.send(ctx, &p.message); err != nil {
			w.fail(err) // nothing behind it may go first
			return
		}
		w.settle(&p)
	}
}

func (w *window) settle(p *parcel) {
	if p.done != nil {
		p.done()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes -= p.weight()
	if p.entry != nil {
		p.entry.left--
	}
	w.advance()
	nudge(w.room)
}

// advance needs the lock.
func (w *window) advance() {
	n := 0
	for n < len(w.open) && w.open[n].left == 0 {
		w.at = w.open[n].position
		n++
	}
	clear(w.open[:n])
	w.open = w.open[n:]
}
