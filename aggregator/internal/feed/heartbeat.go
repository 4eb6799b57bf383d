// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
)

const (
	// maxBeats bounds the heartbeats of one answer.
	maxBeats = 5000
	// settling is how late a check-in may be seen after the moment that it has: it is asked for again until then.
	settling = 2 * time.Second
)

// Heartbeats returns an inventory_heartbeat for each live head that was seen later than a moment, the oldest first and
// some thousands at most, and the moment to ask with the next time: since itself when there is none. The last seconds
// come again the next time, with the same ids. A head that was seen last with a change has its heartbeat among the
// events of that, which Read returns.
func (f *Feed) Heartbeats(ctx context.Context, since time.Time) (beats []event.Event, next time.Time, err error) {
	seen, err := f.store.Beats(ctx, since, maxBeats)
	if err != nil || len(seen) == 0 {
		return nil, since, err
	}
	wanted := make([]int64, len(seen))
	for i := range seen {
		wanted[i] = seen[i].Machine
	}
	machines, err := f.loadMachines(ctx, wanted, nil)
	if err != nil {
		return nil, since, err
	}
	for _, b := range seen {
		m := machines[b.Machine]
		if m == nil {
			continue
		}
		base := m.base(b.Machine)
		base.Source, base.At = b.Source.Name, b.LastSeen
		base.Batch = batchOf("heartbeat", m.serial, b.Source.Module, b.Source.Name, b.Source.Config, micro(b.LastSeen))
		maker := event.NewMaker(base, nil)
		maker.Heartbeat(sourceJSON(b.Source), b.LastSeen)
		beats = append(beats, maker.Events()...)
	}
	return beats, nextBeat(since, seen[len(seen)-1].LastSeen, time.Now(), len(seen) >= maxBeats), nil
}

// nextBeat returns the moment to ask with after an answer that ended with last. A full answer is followed by more, and
// nothing that is stored late can lie so far back.
func nextBeat(since, last, now time.Time, full bool) time.Time {
	if settled := now.Add(-settling); !full && last.After(settled) {
		last = settled
	}
	if last.Before(since) {
		return since
	}
	return last
}
