// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// State says what a report knows about one section.
type State string

// The states of a section; a kind that the report does not mention is left as it is.
const (
	// Set: the snapshot holds the section, maybe empty.
	Set State = "set"
	// Keep: its collector failed; whatever was known before still stands.
	Keep State = "keep"
	// Drop: the collector is switched off, or this machine has none of the kind.
	Drop State = "drop"
)

// parallel is how many collectors run at once: more would only be felt by whoever works on the machine.
const parallel = 2

// defaultDeadline is how long one collector may take.
const defaultDeadline = 30 * time.Second

// Options change what Run does; the zero value is a full collection without memory.
type Options struct {
	// Disabled collectors are not run, and their kinds dropped. The name of a kind drops that kind alone.
	Disabled []string
	// Deadline of each collector; 0 means 30 seconds.
	Deadline time.Duration
	// Deadlines of collectors that have another one, by name.
	Deadlines map[string]time.Duration
	// FactKeys are the keys of custom facts that count; nil: all of them.
	FactKeys []string
	// Cache, if set, spares the work on sources that did not change since the last Run with it.
	Cache *Cache
}

// Report is the outcome of one collection.
type Report struct {
	// Snapshot holds the sections with state Set and nothing else. Its rows may be shared with later reports: do not change them.
	Snapshot *inventoryv1.Snapshot
	// Sections has every kind that this operating system collects.
	Sections map[string]State
	// Troubles, sorted by collector.
	Troubles []Trouble
	// Runs has what each collector came to and cost, sorted by collector.
	Runs []*syncv1.CollectorRun
}

// Trouble is one collector that is not well.
type Trouble struct {
	Collector string
	// Err says what could not be done.
	Err error
	// Denied tells that only privilege is missing: nothing is broken, and what could be read is in the snapshot.
	Denied bool
}

// result is what became of one collector.
type result struct {
	collector Collector
	snap      *inventoryv1.Snapshot
	err       error
	took      time.Duration
	read      int64 // bytes of files
}

// Run runs all collectors, two at a time. A collector that fails, panics or takes too long harms only its own sections.
// It is safe for concurrent use; of two runs with one cache at the same time, the later keeps what the other is busy with.
func Run(ctx context.Context, h host.Host, opts Options) Report {
	return runAll(ctx, h, here(), opts)
}

// runAll is Run over a registry of choice.
func runAll(ctx context.Context, h host.Host, collectors map[string]Collector, opts Options) Report {
	report := Report{Snapshot: &inventoryv1.Snapshot{}, Sections: map[string]State{}}
	var group sync.WaitGroup
	results := make(chan result, len(collectors))
	slots := make(chan struct{}, parallel)
	for name, c := range collectors {
		if slices.Contains(opts.Disabled, name) {
			report.mark(c, Drop)
			report.book(result{collector: c}, syncv1.CollectorState_COLLECTOR_STATE_DISABLED)
			continue
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results <- collectOne(ctx, h, c, opts)
		})
	}
	group.Wait()
	close(results)
	for r := range results {
		report.add(r)
	}
	report.switchOff(opts.Disabled)
	report.keepFacts(opts.FactKeys)
	report.fit()
	report.markInstallTimes()
	report.sort()
	return report
}

// collectOne answers from the cache or runs the collector under its deadline.
func collectOne(ctx context.Context, h host.Host, c Collector, opts Options) result {
	fresh, hit := opts.Cache.look(h, c)
	if hit != nil {
		return result{collector: c, snap: hit.snap, err: hit.err}
	}
	if !opts.Cache.enter(c.Name) {
		return result{collector: c, err: errors.New("an earlier run of this collector has not ended")}
	}
	limit := opts.deadlineOf(c.Name)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin, machine := time.Now(), counting(h)
	done := make(chan result, 1)
	go func() {
		r := guarded(ctx, machine, c, opts.Cache.filesOf(c.Name))
		opts.Cache.leave(c.Name) // before anybody hears of the result and runs it again
		done <- r
	}()
	select {
	case r := <-done:
		opts.Cache.keep(h, c, fresh, r)
		r.took, r.read = time.Since(begin), machine.tree.bytes.Load()
		return r
	case <-ctx.Done():
		// The goroutine stays behind until the kernel lets it go: it holds a snapshot of its own that nobody reads.
		return result{
			collector: c, err: fmt.Errorf("gave up after %s: %w", limit, ctx.Err()),
			took: time.Since(begin), read: machine.tree.bytes.Load(),
		}
	}
}

// guarded runs a collector and makes a panic an error.
func guarded(ctx context.Context, h host.Host, c Collector, files *memo) (r result) {
	r = result{collector: c, snap: &inventoryv1.Snapshot{}}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("panic: %v", p)
		}
	}()
	if c.CollectFiles != nil {
		r.err = c.CollectFiles(ctx, h, files, r.snap)
		files.sweep()
		return r
	}
	r.err = c.Collect(ctx, h, r.snap)
	return r
}

// add books one collector's result.
func (r *Report) add(res result) {
	var refused *unreadable
	var broken *partial
	switch {
	case res.err == nil:
		r.take(res)
		r.book(res, syncv1.CollectorState_COLLECTOR_STATE_COLLECTED)
	case errors.Is(res.err, ErrAbsent) && res.collector.Essential:
		r.mark(res.collector, Set)
		r.book(res, syncv1.CollectorState_COLLECTOR_STATE_ABSENT)
	case errors.Is(res.err, ErrAbsent):
		r.mark(res.collector, Drop)
		r.book(res, syncv1.CollectorState_COLLECTOR_STATE_ABSENT)
	case errors.As(res.err, &broken):
		r.take(res)
		r.book(res, syncv1.CollectorState_COLLECTOR_STATE_PARTIAL)
		r.Troubles = append(r.Troubles, Trouble{Collector: res.collector.Name, Err: res.err})
	case errors.As(res.err, &refused):
		r.take(res)
		r.book(res, syncv1.CollectorState_COLLECTOR_STATE_PARTIAL)
		r.Troubles = append(r.Troubles, Trouble{Collector: res.collector.Name, Err: res.err, Denied: true})
	default:
		r.mark(res.collector, Keep)
		r.book(res, syncv1.CollectorState_COLLECTOR_STATE_FAILED)
		denied := errors.Is(res.err, fs.ErrPermission)
		r.Troubles = append(r.Troubles, Trouble{Collector: res.collector.Name, Err: res.err, Denied: denied})
	}
}

// take moves a collector's sections, and only those, into the report.
func (r *Report) take(res result) {
	r.mark(res.collector, Set)
	from, to := res.snap.ProtoReflect(), r.Snapshot.ProtoReflect()
	for _, kind := range res.collector.Kinds {
		if f := fieldOf(kind); from.Has(f) {
			to.Set(f, from.Get(f))
		}
	}
}

// mark gives all kinds of a collector one state.
func (r *Report) mark(c Collector, s State) {
	for _, kind := range c.Kinds {
		r.Sections[kind] = s
	}
}

// markInstallTimes gives the kind that holds the rows' times of installation, and that no collector fills, the state
// that follows from theirs: as long as one of them is kept, it can only be kept with them.
func (r *Report) markInstallTimes() {
	state := Drop
	for kind, s := range r.Sections {
		f := fieldOf(kind)
		if f.Message() == nil || asset.MembershipField(f.Message()) == nil {
			continue
		}
		if s == Keep {
			state = Keep
			break
		}
		if s == Set {
			state = Set
		}
	}
	r.Sections[snapshot.KindInstallTimes] = state
}

// fieldOf returns the snapshot's field of a kind, nil if there is none.
func fieldOf(kind string) protoreflect.FieldDescriptor {
	return (*inventoryv1.Snapshot)(nil).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(kind))
}
