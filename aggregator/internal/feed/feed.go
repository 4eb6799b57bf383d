// SPDX-License-Identifier: Apache-2.0

// Package feed turns the journal into events: it reads what an entry points at, and has package event make the events of
// it. The same entry gives the same events whenever it is read, as long as history is kept: what was dropped with its
// week, or pruned with its machine, gives none any more. It refuses to remember how far anybody has read.
package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// ErrTrimmed says that the journal does not reach back to the position.
var ErrTrimmed = errors.New("the journal was trimmed: events behind this position are lost")

// What is worked at together is in memory at once, and so is what Read returns. Each bound may be passed by one entry.
const (
	pageEntries = 250
	pageAssets  = 10_000  // that changes added or removed
	readBytes   = 8 << 20 // of events
	eventBytes  = 512     // of each beside its payload
)

// loggedEntries is how many entries are remembered that cannot be understood.
const loggedEntries = 1000

// Options say what events carry.
type Options struct {
	WithoutGroups        bool // event_serialization.include_groups: false
	WithoutPrincipalUser bool // event_serialization.include_principal_user: false
	Log                  *slog.Logger
}

// Feed reads events. It is safe for concurrent use.
type Feed struct {
	store    *store.Store
	options  Options
	machines *machineCache
	gone     atomic.Int64
	logGone  sync.Once

	mu    sync.Mutex
	known *lru.LRU[store.Position, struct{}] // entries that cannot be understood and were logged
}

// New returns a feed over a store.
func New(s *store.Store, o Options) *Feed {
	known, _ := lru.NewLRU[store.Position, struct{}](loggedEntries, nil) // only a size below 1 is an error
	return &Feed{store: s, options: o, machines: newMachineCache(), known: known}
}

// Batch are the events of one entry of the journal, in order.
type Batch struct {
	Position store.Position
	Machine  int64 // 0: about no machine
	Events   []event.Event
}

// Read returns the events behind a position that the filter lets through, of up to limit entries of the journal, fewer
// when they have many, and the position behind the last of those entries: after itself when there is nothing new. Entries
// without such events give no batch. nil lets everything through. ErrTrimmed when entries behind the position are gone
// already.
func (f *Feed) Read(ctx context.Context, after store.Position, limit int, filter *event.Filter) (batches []Batch, next store.Position, err error) {
	var matcher *event.Matcher
	if filter != nil {
		if matcher, err = filter.Compile(); err != nil {
			return nil, after, fmt.Errorf("filter of events: %w", err)
		}
	}
	entries, err := f.store.Tail(ctx, after, limit)
	if err != nil {
		return nil, after, err
	}
	if err := f.reaches(ctx, after, entries); err != nil {
		return nil, after, err
	}
	next = after
	for size := 0; len(entries) > 0 && size < readBytes; {
		p := newPage(f, matcher, entries[:min(len(entries), pageEntries)])
		if err := p.load(ctx); err != nil {
			return nil, after, fmt.Errorf("read events: %w", err)
		}
		for _, b := range p.expand() {
			batches = append(batches, b)
			size += b.size()
		}
		next, entries = p.entries[len(p.entries)-1].Position, entries[len(p.entries):]
	}
	return batches, next, nil
}

// size is about how much memory the events take, in bytes.
func (b *Batch) size() int {
	size := 0
	for i := range b.Events {
		size += eventBytes + len(b.Events[i].Payload)
	}
	return size
}

// reaches checks that nothing between a position and the entries that were read behind it was trimmed before. What was
// trimmed after they were read does not matter.
func (f *Feed) reaches(ctx context.Context, after store.Position, entries []store.JournalEntry) error {
	floor, err := f.store.JournalFloor(ctx)
	if err != nil {
		return err
	}
	if !after.Before(floor) || len(entries) > 0 && !floor.Before(entries[0].Position) {
		return nil
	}
	return ErrTrimmed
}

// Gone returns how many entries gave no events since the program started, because what they point at is not kept any
// more, or because they cannot be understood.
func (f *Feed) Gone() int64 { return f.gone.Load() }

// miss counts an entry that points at nothing.
func (f *Feed) miss(e *store.JournalEntry) {
	f.gone.Add(1)
	if f.options.Log != nil {
		f.logGone.Do(func() {
			f.options.Log.Warn("no events of what is not kept any more", "what", e.What, "machine", e.Machine, "head", e.Head, "seq", e.Seq)
		})
	}
}

// broken counts an entry that cannot be understood, and logs it once, however many read it again and again.
func (f *Feed) broken(e *store.JournalEntry, err error) {
	f.gone.Add(1)
	f.mu.Lock()
	logged := f.known.Contains(e.Position)
	f.known.Add(e.Position, struct{}{})
	f.mu.Unlock()
	if !logged && f.options.Log != nil {
		f.options.Log.Error("no events of an entry that cannot be understood", "what", e.What, "xid", e.XID, "id", e.ID, "err", err)
	}
}
