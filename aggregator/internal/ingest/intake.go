// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A message is received into memory that nobody else can have meanwhile: maxMessageBytes each, whatever it turns out to
	// be, since the sender alone knows how long it is. So many are received at once: 128 MB for check-ins, 96 MB for pushes.
	smallIntake = 32
	largeIntake = 24
	// queuedSmall and queuedLarge wait with what fits into the window of a stream.
	queuedSmall = maxCheckIns
	queuedLarge = 512
	// Who takes longer than this loses the place when others wait for one.
	stalledSmall = time.Second
	stalledLarge = 5 * time.Second
)

// intake bounds how many messages are being received at once. Slow senders may take their time, but not while others
// wait: then they are cut off. It is safe for concurrent use.
type intake struct {
	*gate
	stalled time.Duration

	mu    sync.Mutex
	under []*call // by slot; nil: free

	sweeping atomic.Bool
}

// receiving is a call's place at an intake.
type receiving struct {
	slot
	place int
}

func newIntake(name string, slots, queue int, stalled time.Duration) *intake {
	return &intake{gate: newGate(name, slots, queue), stalled: stalled, under: make([]*call, slots)}
}

// begin waits until the next message of a call may be received; end says that it was.
func (i *intake) begin(ctx context.Context, c *call) (err error) {
	if busy, _ := i.load(); busy >= i.slots && !i.sweeping.Swap(true) {
		i.sweep()
	}
	if c.receiving.slot, err = i.enter(ctx); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	c.receiving.place = slices.Index(i.under, nil) // the gate lets no more in than there are
	i.under[c.receiving.place] = c
	return nil
}

func (i *intake) end(c *call) {
	i.mu.Lock()
	i.under[c.receiving.place] = nil
	i.mu.Unlock()
	c.receiving.leave()
	c.receiving = receiving{}
}

// cut ends the receiving of a call's message, if it is being received. The call cannot end meanwhile.
func (i *intake) cut(c *call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.Contains(i.under, c) {
		c.cut()
	}
}

// sweep cuts off those who have taken too long, again and again as long as others wait. Their places are free once their
// calls have ended.
func (i *intake) sweep() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range i.under {
		if c != nil && time.Since(c.receiving.began) >= i.stalled {
			c.cut()
		}
	}
	time.AfterFunc(i.stalled, func() {
		if _, waiting := i.load(); waiting > 0 {
			i.sweep()
			return
		}
		i.sweeping.Store(false)
	})
}
