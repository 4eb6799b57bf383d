// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"container/list"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// gate bounds how many calls of one kind are worked on at once. The others wait in the order they came, so many and no
// more, and whoever comes after that is told when to come again. It is safe for concurrent use.
type gate struct {
	name  string
	slots int
	queue int
	watch gateWatch

	mu      sync.Mutex
	busy    int
	waiting list.List     // of chan struct{}, closed when the slot is theirs
	mean    time.Duration // how long the work takes, lately
	until   time.Time     // when the last one who was sent away will be back
}

// gateWatch is told what happens at a gate. Its functions may be nil.
type gateWatch struct {
	waited  func(time.Duration)
	refused func(reason string)
}

const (
	// patience bounds the wait in a queue. An agent gives a call up after half a minute.
	patience = 10 * time.Second
	// guessedWork stands for the time that work takes until some was done.
	guessedWork = 20 * time.Millisecond
	// workWeight is how many calls the mean looks back on.
	workWeight = 16
)

// Reasons of refusals, as the metrics name them.
const (
	reasonQueue      = "queue_full"
	reasonPatience   = "queue_slow"
	reasonCredential = "credential"
	reasonAddress    = "address"
	reasonRoom       = "room"
	reasonSlow       = "slow_sender"
	reasonDatabase   = "database"
)

func newGate(name string, slots, queue int) *gate {
	return &gate{name: name, slots: slots, queue: queue, mean: guessedWork}
}

// slot is a place at a gate. The zero slot is none, and may be left too.
type slot struct {
	gate  *gate
	began time.Time
}

// enter waits for a slot; the caller leaves it when the work is done. The error refuses the call, with the time after
// which to come again.
func (g *gate) enter(ctx context.Context) (slot, error) {
	g.mu.Lock()
	if g.busy < g.slots && g.waiting.Len() == 0 {
		g.busy++
		g.mu.Unlock()
		return slot{g, time.Now()}, nil
	}
	if g.waiting.Len() >= g.queue {
		defer g.mu.Unlock()
		return slot{}, g.sendAway(reasonQueue)
	}
	turn := make(chan struct{})
	place := g.waiting.PushBack(turn)
	g.mu.Unlock()
	if err := g.wait(ctx, turn, place); err != nil {
		return slot{}, err
	}
	return slot{g, time.Now()}, nil
}

// wait waits for a turn.
func (g *gate) wait(ctx context.Context, turn chan struct{}, place *list.Element) error {
	began := time.Now()
	if g.watch.waited != nil {
		defer func() { g.watch.waited(time.Since(began)) }()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn: // it came at the same moment
		return nil
	default:
	}
	g.waiting.Remove(place)
	if errors.Is(ctx.Err(), context.Canceled) {
		return unavailable(context.Canceled)
	}
	return g.sendAway(reasonPatience)
}

// leave gives the slot to the next in the queue.
func (s slot) leave() {
	g := s.gate
	if g == nil {
		return
	}
	took := time.Since(s.began)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mean += (took - g.mean) / workWeight
	if next := g.waiting.Front(); next != nil {
		close(g.waiting.Remove(next).(chan struct{})) // nothing else is in it
		return
	}
	g.busy--
}

// full refuses a call that would find no place in the queue now, before anything is spent on it.
func (g *gate) full() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting.Len() < g.queue || g.busy < g.slots {
		return nil
	}
	return g.sendAway(reasonQueue)
}

// sendAway refuses a call. Those who are sent away are told to come back one after the other, as fast as the work goes
// and behind those who wait already: together they would be the next storm.
func (g *gate) sendAway(reason string) error {
	if g.watch.refused != nil {
		g.watch.refused(reason)
	}
	now := time.Now()
	each := g.mean / time.Duration(g.slots)
	drained := now.Add(each * time.Duration(g.waiting.Len()+1))
	if g.until.Before(drained) {
		g.until = drained
	}
	g.until = g.until.Add(each)
	if latest := now.Add(maxRetry); g.until.After(latest) {
		g.until = latest
	}
	return refuseBusy(spread(g.until.Sub(now), rand.Float64()), "too many calls at once")
}

// load returns how many calls are worked on and how many wait.
func (g *gate) load() (busy, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy, g.waiting.Len()
}

const (
	// minRetry and maxRetry bound what an agent is asked to wait.
	minRetry = time.Second
	maxRetry = 5 * time.Minute
)

// spread makes of a wait one between half and one and a half of it, within the bounds. random is in [0, 1).
func spread(wait time.Duration, random float64) time.Duration {
	wait = min(max(wait, minRetry), maxRetry)
	least := max(wait/2, minRetry)
	most := min(max(wait*3/2, 2*minRetry), maxRetry)
	return least + time.Duration(random*float64(most-least))
}
