// SPDX-License-Identifier: Apache-2.0

// Package index answers questions about the whole fleet in milliseconds: an inverted index in memory, from each shared
// asset to the set of heads that have it, and a few words about every machine.
//
// It is a cache: it is built by streaming the store, kept fresh by tailing the journal, and everything it answers the
// store can answer, only slower. Each aggregator holds its own. It refuses to know private facts and history, and to
// write anything. docs/fleet-index.md describes the design.
package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// ErrBuilding says that the index has yet to be built, and how far that is. Ask the store meanwhile.
var ErrBuilding = errors.New("the index of the fleet is being built")

const (
	// pollInterval is how old an answer may be when nobody asks for a fresh one.
	pollInterval = 250 * time.Millisecond
	// minuteInterval is for what need not be done as often: last_seen, the comparison with the store.
	minuteInterval = time.Minute
	// retryInterval is the pause after a build that did not work.
	retryInterval = time.Second
	// freshLimit bounds how long a reader waits for what was committed just now.
	freshLimit = 2 * time.Second
	// trimAge is after how long without the journal some of it may have been trimmed.
	trimAge = time.Minute
)

// Options are what an index needs beside the store.
type Options struct {
	Registerer prometheus.Registerer // nil: no metrics
	Log        *slog.Logger
}

// Index is the index of one database. It is safe for concurrent use.
type Index struct {
	store *store.Store
	log   *slog.Logger

	mu      sync.RWMutex // over the state and all in it; only Run's goroutine writes
	state   *state       // nil: it is being built
	forgets int

	waiting sync.Mutex
	next    *round        // what Fresh waits for; nil: nobody does
	wake    chan struct{} // somebody waits, or the state was forgotten
	stopped chan struct{} // closed when Run returns

	numbers  numbers
	failing  bool           // the last build or poll failed; Run's own
	reported map[int64]bool // machines whose mismatch was logged; Run's own
}

// round is one poll of the journal that readers wait for.
type round struct {
	done chan struct{}
	err  error
}

// New returns an index that knows nothing until Run has built it.
func New(s *store.Store, o Options) *Index {
	x := &Index{store: s, log: o.Log, wake: make(chan struct{}, 1), stopped: make(chan struct{}), reported: map[int64]bool{}}
	if o.Registerer != nil {
		o.Registerer.MustRegister(x.collectors()...)
	}
	return x
}

// Run builds the index and keeps it fresh until ctx ends. What fails is logged once and tried again. It is called once.
func (x *Index) Run(ctx context.Context) error {
	defer close(x.stopped)
	poll, minute := time.NewTicker(pollInterval), time.NewTicker(minuteInterval)
	defer poll.Stop()
	defer minute.Stop()
	for ctx.Err() == nil {
		if x.current() == nil {
			x.rebuild(ctx)
			continue
		}
		select {
		case <-ctx.Done():
		case <-x.wake:
			x.turn(ctx)
		case <-poll.C:
			x.turn(ctx)
		case <-minute.C:
			x.everyMinute(ctx)
		}
	}
	return nil
}

// Forget drops everything, because another database is behind the address now; Run builds the index anew.
func (x *Index) Forget() {
	x.mu.Lock()
	x.state = nil
	x.forgets++
	x.mu.Unlock()
	x.numbers.edits.Add(1)
	x.rouse()
}

// Fresh returns when the index knows all that was committed before the call: readers call it first. Calls share the
// reading of the journal, which usually takes a millisecond. When there is much to catch up with, it returns nil after
// some seconds: the answer is then a little old. While the index is being built it returns ErrBuilding.
func (x *Index) Fresh(ctx context.Context) error {
	if x.current() == nil {
		return x.building()
	}
	x.waiting.Lock()
	if x.next == nil {
		x.next = &round{done: make(chan struct{})}
	}
	mine := x.next
	x.waiting.Unlock()
	x.rouse()
	limit := time.NewTimer(freshLimit)
	defer limit.Stop()
	select {
	case <-mine.done:
		return mine.err
	case <-limit.C:
		return nil
	case <-x.stopped: // the program ends
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Edits counts what was seen of changes to things that the index itself does not keep, such as checks, waivers and tags: a
// reader that remembers those of the store reads them again when it is another number.
func (x *Index) Edits() uint64 { return x.numbers.edits.Load() }

// rouse wakes Run.
func (x *Index) rouse() {
	select {
	case x.wake <- struct{}{}:
	default: // somebody did already
	}
}

// turn catches up with the journal, on behalf of all who wait by now.
func (x *Index) turn(ctx context.Context) {
	x.waiting.Lock()
	mine := x.next
	x.next = nil
	x.waiting.Unlock()
	err := x.catchUp(ctx)
	if mine != nil {
		mine.err = err
		close(mine.done)
	}
	if errors.Is(err, ErrBuilding) { // forgotten, for a reason that was logged
		return
	}
	x.tried(ctx, "keep fresh", err)
}

// tried logs the first of several failures.
func (x *Index) tried(ctx context.Context, what string, err error) {
	if err != nil && !x.failing && ctx.Err() == nil {
		x.log.Error("index not up to date", "what", what, "err", err)
	}
	x.failing = err != nil
}

// current returns the state; nil while it is being built. Only Run's goroutine may read in it without the lock.
func (x *Index) current() *state {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.state
}

// read runs fn over the state.
func (x *Index) read(fn func(*state)) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.state == nil {
		return x.building()
	}
	fn(x.state)
	return nil
}

// write runs fn over the state where fn may change it. Only Run's goroutine calls it.
func (x *Index) write(fn func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	fn()
}

// building is ErrBuilding with the progress.
func (x *Index) building() error {
	return fmt.Errorf("%w: %d of %d snapshots", ErrBuilding, x.numbers.done.Load(), x.numbers.expected.Load())
}

// numbers are what the metrics show beside the state.
type numbers struct {
	done, expected      atomic.Int64 // heads of the build
	buildNanos          atomic.Int64
	polledUnixMicro     atomic.Int64 // when the last poll that worked began
	waitingEntries      atomic.Int64 // found by the last poll
	bytes               atomic.Int64
	checked, mismatches atomic.Int64
	edits               atomic.Uint64
}
