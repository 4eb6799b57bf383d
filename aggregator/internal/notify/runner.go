// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// readEntries is how many entries of the journal are read at once.
const readEntries = 200

// Why a runner ends before its context does.
var (
	errChanged   = errors.New("the sink is another one now")
	errLeaseLost = errors.New("another aggregator delivers, or the lease could not be renewed")
	errEpoch     = errors.New("another database epoch")
	errGone      = errors.New("the receiver said 410: it wants no more events")
)

// outlet is where the events of one sink go. One goroutine calls push, which blocks while there is no room.
type outlet interface {
	// push takes the batches up to a position; at most once each.
	push(ctx context.Context, batches []feed.Batch, next store.Position) error
	// beat takes heartbeats, which no position stands for.
	beat(ctx context.Context, events []event.Event) error
	// replay takes dead letters, or none, and passes over those that are under way; false: it takes no more for now.
	replay(ctx context.Context, letters []store.DeadLetter) bool
	// settled is the position up to which everything is delivered or given up.
	settled() store.Position
	// wait returns when nothing is under way any more; the context of push has ended by then.
	wait()
}

// runner delivers to one sink while it has the lease.
type runner struct {
	definition
	*Notifier
	lease   store.SinkLease
	matcher *event.Matcher
	outlet  outlet
	tally   tally
	cancel  context.CancelCauseFunc
	done    chan struct{}
	grown   chan struct{} // the journal
	asked   chan struct{} // for replays

	renewed  time.Time   // when the lease was asked for that it has
	troubled atomic.Bool // the log says that the database could not be read
}

// run starts a runner.
func (n *Notifier) run(ctx context.Context, d definition, lease store.SinkLease, begun time.Time) *runner {
	r := &runner{
		definition: d, Notifier: n, lease: lease, done: make(chan struct{}), renewed: begun,
		grown: make(chan struct{}, 1), asked: make(chan struct{}, 1),
	}
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.outlet = r.open()
	go func() {
		defer close(r.done)
		r.deliver(ctx)
	}()
	return r
}

func (r *runner) open() outlet {
	if r.sink.Kind == config.FileSink {
		return r.openLines()
	}
	return r.openWebhook()
}

// deliver reads and saves until something ends it, and gives the lease back.
func (r *runner) deliver(ctx context.Context) {
	r.log.Info("sink is delivered to", "sink", r.name)
	var group errgroup.Group
	group.Go(func() error {
		err := r.read(ctx)
		r.cancel(err)
		return nil
	})
	group.Go(func() error {
		err := r.keep(ctx)
		r.cancel(err)
		return nil
	})
	_ = group.Wait() // why it ended is the context's cause
	r.outlet.wait()
	why := context.Cause(ctx)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	r.finish(last, why)
}

// finish saves what was reached.
func (r *runner) finish(ctx context.Context, why error) {
	var err error
	switch {
	case errors.Is(why, errEpoch), errors.Is(why, errLeaseLost): // the position is worth nothing, or another's to store
	case errors.Is(why, errGone):
		_, err = r.save(ctx)
		err = errors.Join(err, r.store.DisableSink(ctx, r.lease, errGone.Error()))
		r.log.Error("sink disabled", "sink", r.name, "err", errGone)
	default:
		_, err = r.save(ctx)
	}
	err = errors.Join(err, r.store.ReleaseSink(ctx, r.lease))
	if err != nil {
		r.log.Warn("last progress of a sink not saved: some events will be delivered again", "sink", r.name, "err", err)
	}
}

// read hands the outlet what is new until ctx ends or something cannot be mended.
func (r *runner) read(ctx context.Context) (err error) {
	if r.matcher, err = r.filter.Compile(); err != nil {
		return err
	}
	position, beatSince, beatAt := r.lease.Position, time.Now(), time.Now().Add(r.pace.beat)
	for ctx.Err() == nil {
		next, err := r.step(ctx, position)
		if err != nil {
			return err
		}
		if r.wantsBeats() && !time.Now().Before(beatAt) {
			var wait time.Duration
			if beatSince, wait, err = r.beats(ctx, beatSince); err != nil {
				return err
			}
			beatAt = time.Now().Add(wait)
		}
		if next == position {
			err = r.idle(ctx, beatAt)
		} else {
			position, err = next, r.busy(ctx)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// wantsBeats tells whether heartbeats were asked for.
func (r *runner) wantsBeats() bool { return r.matcher.Wants(event.TypeHeartbeat) }

// step hands on what lies behind a position, and returns how far that was. Trouble with the database is waited out.
func (r *runner) step(ctx context.Context, position store.Position) (store.Position, error) {
	batches, next, err := r.feed.Read(ctx, position, readEntries, &r.filter)
	switch {
	case errors.Is(err, feed.ErrTrimmed):
		floor, floorErr := r.store.JournalFloor(ctx)
		if floorErr != nil {
			return position, r.again(ctx, floorErr)
		}
		r.log.Error("events lost: a sink was behind for so long that the journal was trimmed before it had delivered them", "sink", r.name)
		r.tally.miss(err.Error())
		return floor, r.outlet.push(ctx, nil, floor)
	case err != nil:
		return position, r.again(ctx, err)
	}
	r.troubled.Store(false)
	if next == position {
		return position, nil
	}
	return next, r.outlet.push(ctx, batches, next)
}

// beats hands on the heartbeats since a moment that the filter wants, and returns the moment for the next time, and how
// long to wait until then.
func (r *runner) beats(ctx context.Context, since time.Time) (time.Time, time.Duration, error) {
	all, next, err := r.feed.Heartbeats(ctx, since)
	if err != nil {
		return since, r.pace.beat, r.pause(ctx, err)
	}
	wait := r.pace.untilBeat(len(all))
	wanted := all[:0]
	for i := range all {
		if r.matcher.Match(&all[i]) {
			wanted = append(wanted, all[i])
		}
	}
	return next, wait, r.outlet.beat(ctx, wanted)
}

// again is pause before another look at the journal: what it was to read is still there.
func (r *runner) again(ctx context.Context, trouble error) error {
	nudge(r.grown)
	return r.pause(ctx, trouble)
}

// pause notes trouble and waits a little.
func (r *runner) pause(ctx context.Context, trouble error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.tally.fail(trouble.Error())
	if !r.troubled.Swap(true) {
		r.log.Warn("sink waits for the database", "sink", r.name, "err", trouble)
	}
	return sleep(ctx, r.pace.survey)
}

// idle waits for something to do. Only sinks with heartbeats have to look at the clock.
func (r *runner) idle(ctx context.Context, beatAt time.Time) error {
	var beat <-chan time.Time
	if r.wantsBeats() {
		timer := time.NewTimer(time.Until(beatAt))
		defer timer.Stop()
		beat = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.grown:
		return nil
	case <-beat:
		return nil
	case <-r.asked:
		return r.replays(ctx)
	}
}

// busy is idle without waiting.
func (r *runner) busy(ctx context.Context) error {
	select {
	case <-r.asked:
		return r.replays(ctx)
	default:
		return nil
	}
}

// replays hands on the dead letters that somebody wants delivered again.
func (r *runner) replays(ctx context.Context) error {
	for after := int64(0); r.outlet.replay(ctx, nil); {
		letters, err := r.store.Replays(ctx, r.name, after, maxReplays)
		if err != nil {
			return r.pause(ctx, err)
		}
		if len(letters) == 0 || !r.outlet.replay(ctx, letters) {
			break
		}
		after = letters[len(letters)-1].ID
	}
	return nil
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
