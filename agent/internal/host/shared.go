// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"sync"
)

// shared is a question that nothing can interrupt once it is put: it is put once at a time, and all who ask meanwhile
// share the answer, so that whoever does not answer holds one thread and not one more with every round. The zero shared is
// ready. It is safe for concurrent use.
type shared[T any] struct {
	mu   sync.Mutex
	open *asked[T]
}

// asked is a question under way; value and err may be read once done is closed.
type asked[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// ask returns what put does, or the error of ctx when that ends first.
func (s *shared[T]) ask(ctx context.Context, put func() (T, error)) (T, error) {
	s.mu.Lock()
	q := s.open
	if q == nil {
		q = &asked[T]{done: make(chan struct{})}
		s.open = q
		go func() {
			q.value, q.err = put()
			s.mu.Lock()
			s.open = nil
			s.mu.Unlock()
			close(q.done)
		}()
	}
	s.mu.Unlock()
	select {
	case <-q.done:
		return q.value, q.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
