// SPDX-License-Identifier: Apache-2.0

// Package notify delivers events to sinks, at least once and in order for each machine: to files of JSON lines and to
// webhooks, those of the configuration and those of probes. It refuses to decide what an event is and which ones a
// filter wants; it only takes them where they are to go, and remembers how far it has come.
//
// Each sink has a row with a position in the journal. Of several aggregators the one with its lease delivers.
package notify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Options say where events go, beside probes.
type Options struct {
	Sinks      []config.Sink
	Probes     config.Sink           // Timeout, MaxAttempts, FirstRetry, LastRetry and Concurrency of every probe; zero: as config.Sink has it
	Stdout     io.Writer             // of a file sink with the path "-"; nil: os.Stdout
	Registerer prometheus.Registerer // nil: nothing is measured
	Log        *slog.Logger
}

// pace is how often things are looked after.
type pace struct {
	tail   time.Duration // whether the journal has grown
	survey time.Duration // which sinks there are, which are free, and what is to be replayed
	save   time.Duration // positions
	lease  time.Duration // how long one lasts; it is renewed when a third has passed
	beat   time.Duration // between heartbeats
}

// readingShare is the time that each sink adds between two looks at the journal: all of them read what is new, each by
// itself, and there may be many.
const readingShare = 20 * time.Millisecond

// untilTail is how long to wait until so many sinks read again, a little less than the ticks that it takes.
func (p pace) untilTail(sinks int) time.Duration {
	if shared := time.Duration(sinks) * readingShare; shared > p.tail {
		return min(shared, p.survey) - p.tail/2
	}
	return 0
}

// manyBeats is an answer after which there may be more.
const manyBeats = 1000

// untilBeat is how long to wait after an answer of so many heartbeats: a fleet may have more than fit in one.
func (p pace) untilBeat(answered int) time.Duration {
	if answered >= manyBeats {
		return 0
	}
	return p.beat
}

// limit bounds every question to the database.
const limit = 10 * time.Second

// Notifier delivers. Run it once.
type Notifier struct {
	store   *store.Store
	feed    *feed.Feed
	options Options
	holder  uuid.UUID // of leases
	pace    pace
	meters  *meters
	log     *slog.Logger

	configured []definition
	runners    map[string]*runner
	end        store.Position    // last entry of the journal that was seen
	unusable   map[string]string // stamps of probes by sink whose filter cannot be used, and the log says so
	trouble    bool              // the database could not be asked, and the log says so
}

// New returns a notifier over the feed of a store. It does nothing before Run.
func New(s *store.Store, f *feed.Feed, o Options) *Notifier {
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	n := &Notifier{
		store: s, feed: f, options: o, holder: uuid.New(), log: o.Log, runners: map[string]*runner{}, unusable: map[string]string{}, meters: newMeters(s, f.Gone, o.Log),
		pace: pace{tail: 250 * time.Millisecond, survey: time.Second, save: time.Second, lease: 30 * time.Second, beat: time.Minute},
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(n.meters)
	}
	return n
}

// Run delivers until ctx ends, and gives the leases back then. It fails at once when a sink of the configuration cannot
// work: when its secret cannot be read, for example.
func (n *Notifier) Run(ctx context.Context) error {
	for _, s := range n.options.Sinks {
		d, err := configured(s)
		if err != nil {
			return fmt.Errorf("sink %s: %w", s.Name, err)
		}
		n.configured = append(n.configured, d)
	}
	defer n.stop()
	tick := time.NewTicker(n.pace.tail)
	defer tick.Stop()
	var surveyed, tailed time.Time
	for {
		if time.Since(surveyed) >= n.pace.survey {
			surveyed = time.Now()
			n.note(ctx, n.survey(ctx))
		}
		if len(n.runners) > 0 && time.Since(tailed) >= n.pace.untilTail(len(n.runners)) {
			tailed = time.Now()
			n.note(ctx, n.tail(ctx))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// note says once that the database is away, and once that it is back.
func (n *Notifier) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil && !n.trouble {
		n.log.Error("sinks cannot be looked after", "err", err)
	}
	n.trouble = err != nil
}

// tail wakes the runners when the journal has grown: one question for all of them.
func (n *Notifier) tail(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	end, err := n.store.LastEntry(ctx)
	if err != nil || end == n.end {
		return err
	}
	n.end = end
	for _, r := range n.runners {
		nudge(r.grown)
	}
	return nil
}

// survey starts deliveries to the sinks that are free and stops those that are no more wanted, or wanted otherwise.
func (n *Notifier) survey(ctx context.Context) error {
	deadline, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	wanted, err := n.wanted(deadline)
	if err != nil {
		return err
	}
	n.retire(wanted)
	if len(wanted) == 0 {
		return nil
	}
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	states, err := n.store.SinkStates(deadline, names, n.holder)
	if err != nil {
		return err
	}
	for _, state := range states {
		r := n.runners[state.Name]
		switch {
		case r != nil && state.Replay:
			nudge(r.asked)
		case r == nil && state.Free:
			if err := n.start(ctx, wanted[state.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted are the sinks that should be delivered to now.
func (n *Notifier) wanted(ctx context.Context) (map[string]definition, error) {
	probes, err := n.store.EnabledProbes(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]definition{}
	for _, d := range n.configured {
		wanted[d.name] = d
	}
	for i := range probes {
		d := probed(&probes[i], n.options.Probes)
		wanted[d.name] = d
	}
	return wanted, nil
}

// retire forgets the runners that have ended and ends those whose sink is another one now.
func (n *Notifier) retire(wanted map[string]definition) {
	for name, r := range n.runners {
		d, ok := wanted[name]
		if !ok || d.stamp != r.stamp {
			r.cancel(errChanged)
		}
		select {
		case <-r.done:
			delete(n.runners, name)
			if !ok {
				n.meters.forget(name)
			}
		default:
		}
	}
}

// start takes the lease of a sink and has a runner deliver, if nobody was quicker.
func (n *Notifier) start(ctx context.Context, d definition) error {
	if _, err := d.filter.Compile(); err != nil {
		if n.unusable[d.name] == d.stamp {
			return nil
		}
		n.unusable[d.name] = d.stamp
		n.log.Error("sink with a filter that cannot be used", "sink", d.name, "err", err)
		return nil
	}
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	epoch := n.store.CurrentEpoch()
	if epoch == "" {
		now, err := n.store.Epoch(asked)
		if err != nil {
			return err
		}
		epoch = now.ID
	}
	begun := time.Now()
	lease, ok, err := n.store.TakeSink(asked, d.name, n.holder, epoch, n.pace.lease)
	if err != nil || !ok {
		return err
	}
	if lease.Restarted {
		n.log.Warn("events of another database epoch are not delivered: a sink begins at the end of the journal", "sink", d.name, "epoch", epoch)
	}
	n.runners[d.name] = n.run(ctx, d, lease, begun)
	return nil
}

// stop waits for the runners: their context has ended.
func (n *Notifier) stop() {
	for _, r := range n.runners {
		r.cancel(context.Canceled)
	}
	for _, r := range n.runners {
		<-r.done
	}
}

// nudge signals once, however often it is called before somebody looks.
func nudge(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
