// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestABatchAnswersEveryRequestWithItsOwn(t *testing.T) {
	t.Parallel()
	var writes, largest, running atomic.Int64
	b := newBatcher(8, func(_ context.Context, requests []int) ([]string, error) {
		if running.Add(1) > 1 {
			t.Error("two batches at once")
		}
		defer running.Add(-1)
		writes.Add(1)
		largest.Store(max(largest.Load(), int64(len(requests))))
		out := make([]string, len(requests))
		for i, n := range requests {
			out[i] = fmt.Sprint(n)
		}
		return out, nil
	})
	var group sync.WaitGroup
	for n := range 500 {
		group.Go(func() {
			if got, err := b.do(t.Context(), n); err != nil || got != fmt.Sprint(n) {
				t.Errorf("got %s, %v; want %d", got, err, n)
			}
		})
	}
	group.Wait()
	b.close()
	if largest.Load() > 8 || writes.Load() > 500 || writes.Load() < 500/8 {
		t.Errorf("%d batches, the largest of %d", writes.Load(), largest.Load())
	}
	if b.pending != nil {
		t.Error("what was written is kept")
	}
}

func TestABatchThatFailsTellsAllOfItsRequests(t *testing.T) {
	t.Parallel()
	cause := errors.New("no database")
	b := newBatcher(8, func(context.Context, []int) ([]int, error) { return nil, cause })
	var group sync.WaitGroup
	for n := range 20 {
		group.Go(func() {
			if _, err := b.do(t.Context(), n); !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.do(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.close()
}

func TestALingeringBatchWaitsForEnoughRequests(t *testing.T) {
	t.Parallel()
	var sizes []int
	b := newBatcher(8, func(_ context.Context, requests []int) ([]int, error) {
		sizes = append(sizes, len(requests)) // one batch is under way at a time
		return requests, nil
	}).lingering(time.Hour, 4)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			if got, err := b.do(t.Context(), n); err != nil || got != n {
				t.Errorf("got %d, %v; want %d", got, err, n)
			}
		})
	}
	group.Wait() // would wait for an hour if fewer went first
	b.close()
	if !slices.Equal(sizes, []int{4}) {
		t.Errorf("batches of %v, want one of 4", sizes)
	}
}

func TestALingeringBatchIsWrittenWhenNobodyElseComes(t *testing.T) {
	t.Parallel()
	b := newBatcher(8, func(_ context.Context, requests []int) ([]int, error) { return requests, nil }).lingering(time.Millisecond, 4)
	if got, err := b.do(t.Context(), 7); err != nil || got != 7 {
		t.Errorf("got %d, %v; want 7", got, err)
	}
	b.close()
}
