// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestQuestionWithoutAnswerIsPutOnce(t *testing.T) {
	t.Parallel()
	var s shared[int]
	var put atomic.Int32
	answer := make(chan int)
	slow := func() (int, error) {
		put.Add(1)
		return <-answer, nil
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if _, err := s.ask(over, slow); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
	go func() { answer <- 7 }()
	if n, err := s.ask(t.Context(), slow); n != 7 || err != nil || put.Load() != 1 {
		t.Errorf("got %d, %v after %d questions; want 7 after one", n, err, put.Load())
	}
	if n, err := s.ask(t.Context(), func() (int, error) { return 8, nil }); n != 8 || err != nil {
		t.Errorf("the next question: got %d, %v, want 8", n, err)
	}
}
