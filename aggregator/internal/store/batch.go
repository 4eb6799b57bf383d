// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
)

// batcher merges requests that arrive while an earlier batch is being written into the next batch. One batch is under
// way at a time. It is safe for concurrent use.
type batcher[Q, A any] struct {
	limit int
	write func(context.Context, []Q) ([]A, error)

	mu      sync.Mutex
	pending []*batchItem[Q, A]
	running bool
	writers sync.WaitGroup
}

type batchItem[Q, A any] struct {
	request Q
	answer  A
	err     error
	done    chan struct{}
}

// newBatcher returns a batcher that hands at most limit requests to write; write answers one for one.
func newBatcher[Q, A any](limit int, write func(context.Context, []Q) ([]A, error)) *batcher[Q, A] {
	return &batcher[Q, A]{limit: limit, write: write}
}

// do waits for the batch that the request went into. When ctx ends first, the request may still be written.
func (b *batcher[Q, A]) do(ctx context.Context, request Q) (A, error) {
	item := &batchItem[Q, A]{request: request, done: make(chan struct{})}
	b.mu.Lock()
	b.pending = append(b.pending, item)
	if !b.running {
		b.running = true
		b.writers.Add(1)
		go b.drain()
	}
	b.mu.Unlock()
	select {
	case <-item.done:
		return item.answer, item.err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}

// drain writes batches until nothing is pending.
func (b *batcher[Q, A]) drain() {
	defer b.writers.Done()
	for {
		batch := b.take()
		if batch == nil {
			return
		}
		b.run(batch)
	}
}

func (b *batcher[Q, A]) take() []*batchItem[Q, A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.pending), b.limit)
	if n == 0 {
		b.running = false
		return nil
	}
	batch := b.pending[:n:n]
	b.pending = b.pending[n:]
	return batch
}

// run writes one batch. It belongs to several callers, so none of their contexts ends it.
func (b *batcher[Q, A]) run(batch []*batchItem[Q, A]) {
	ctx, cancel := context.WithTimeout(context.Background(), maxTransaction)
	defer cancel()
	requests := make([]Q, len(batch))
	for i, item := range batch {
		requests[i] = item.request
	}
	answers, err := b.write(ctx, requests)
	for i, item := range batch {
		item.err = err
		if err == nil {
			item.answer = answers[i]
		}
		close(item.done)
	}
}

// close waits until everything pending was written.
func (b *batcher[Q, A]) close() { b.writers.Wait() }
