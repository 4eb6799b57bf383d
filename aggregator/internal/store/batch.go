// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"time"
)

// batcher merges requests that arrive while an earlier batch is being written, or within a short linger, into the next
// batch. One batch is under way at a time. It is safe for concurrent use.
type batcher[Q, A any] struct {
	limit int
	// A batch is written once it has enough requests, or has been the next one for linger: a transaction costs PostgreSQL
	// more than a row does.
	linger time.Duration
	enough int
	write  func(context.Context, []Q) ([]A, error)

	mu      sync.Mutex
	pending []*batch[Q, A] // all but the last are full
	running bool
	writers sync.WaitGroup
}

// batch is what is written together. Everybody who waits for it waits for one channel: a channel and a select for
// each request would cost more than the rest of a check-in.
type batch[Q, A any] struct {
	requests []Q
	answers  []A
	err      error
	ready    chan struct{} // closed when there are enough requests; nil: nobody waits for more
	done     chan struct{}
}

// newBatcher returns a batcher that hands at most limit requests to write, without lingering; write answers one for
// one.
func newBatcher[Q, A any](limit int, write func(context.Context, []Q) ([]A, error)) *batcher[Q, A] {
	return &batcher[Q, A]{limit: limit, write: write}
}

// lingering makes a batch wait for enough requests, or so long. It returns the batcher.
func (b *batcher[Q, A]) lingering(linger time.Duration, enough int) *batcher[Q, A] {
	b.linger, b.enough = linger, enough
	return b
}

// do waits for the batch that the request went into. A context that has ended keeps the request out; one that ends
// later does not end the wait: the request was written when it returns, or never will be. maxTransaction bounds the
// writing of each batch, of which several may come first.
func (b *batcher[Q, A]) do(ctx context.Context, request Q) (A, error) {
	var none A
	if err := ctx.Err(); err != nil {
		return none, err
	}
	mine, position := b.join(request)
	<-mine.done
	if mine.err != nil {
		return none, mine.err
	}
	return mine.answers[position], nil
}

// join puts a request into the last pending batch and sees to it that somebody writes.
func (b *batcher[Q, A]) join(request Q) (*batch[Q, A], int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 || len(b.pending[len(b.pending)-1].requests) >= b.limit {
		b.pending = append(b.pending, b.open())
	}
	last := b.pending[len(b.pending)-1]
	last.requests = append(last.requests, request)
	if last.ready != nil && len(last.requests) == b.enough {
		close(last.ready)
	}
	if !b.running {
		b.running = true
		b.writers.Go(b.drain)
	}
	return last, len(last.requests) - 1
}

func (b *batcher[Q, A]) open() *batch[Q, A] {
	opened := &batch[Q, A]{done: make(chan struct{})}
	if b.linger > 0 {
		opened.ready = make(chan struct{})
	}
	return opened
}

// drain writes batches until nothing is pending.
func (b *batcher[Q, A]) drain() {
	b.gather()
	for next := b.take(); next != nil; next = b.take() {
		b.run(next)
		b.gather()
	}
}

// gather lets the batch that is next grow.
func (b *batcher[Q, A]) gather() {
	b.mu.Lock()
	var ready chan struct{}
	if len(b.pending) > 0 {
		ready = b.pending[0].ready
	}
	b.mu.Unlock()
	if ready == nil {
		return
	}
	timer := time.NewTimer(b.linger)
	defer timer.Stop()
	select {
	case <-ready:
	case <-timer.C:
	}
}

func (b *batcher[Q, A]) take() *batch[Q, A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		b.running = false
		return nil
	}
	next := b.pending[0]
	if b.pending = b.pending[1:]; len(b.pending) == 0 {
		b.pending = nil // the array would keep what was written
	}
	return next
}

// run writes one batch. It belongs to several callers, so none of their contexts ends it.
func (b *batcher[Q, A]) run(mine *batch[Q, A]) {
	ctx, cancel := context.WithTimeout(context.Background(), maxTransaction)
	defer cancel()
	mine.answers, mine.err = b.write(ctx, mine.requests)
	close(mine.done)
}

// close waits until everything pending was written.
func (b *batcher[Q, A]) close() { b.writers.Wait() }
