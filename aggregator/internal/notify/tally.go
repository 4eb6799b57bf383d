// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// tally counts what happened since it was saved last.
type tally struct {
	mu sync.Mutex
	store.SinkProgress
}

func (t *tally) count(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Attempts++
	if err != nil {
		t.Failures++
		t.LastError = err.Error()
	}
}

func (t *tally) delivered(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Delivered += int64(n)
}

func (t *tally) fail(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.LastError = text
}

func (t *tally) miss(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.LastError, t.Missed = text, true
}

// take returns the progress up to a position and begins anew; put gives back what could not be saved.
func (t *tally) take(settled store.Position) store.SinkProgress {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.SinkProgress
	t.SinkProgress = store.SinkProgress{}
	p.Position = settled
	return p
}

func (t *tally) put(p store.SinkProgress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Delivered, t.Attempts, t.Failures = t.Delivered+p.Delivered, t.Attempts+p.Attempts, t.Failures+p.Failures
	if t.LastError == "" {
		t.LastError = p.LastError
	}
	t.Missed = t.Missed || p.Missed
}

// changed tells whether there is something to save beside the position.
func (t *tally) changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.SinkProgress != store.SinkProgress{}
}
