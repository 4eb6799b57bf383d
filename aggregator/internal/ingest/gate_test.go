// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// retryOf returns the wait that an error asks for.
func retryOf(t *testing.T, err error) time.Duration {
	t.Helper()
	var refused *connect.Error
	if !errors.As(err, &refused) || refused.Code() != connect.CodeResourceExhausted || len(refused.Details()) != 1 {
		t.Fatalf("got %v, want a refusal", err)
	}
	if refused.Meta().Get("Retry-After") == "" {
		t.Errorf("%v has no Retry-After", err)
	}
	message, err := refused.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(message.(*syncv1.Refusal).GetRetryMilliseconds()) * time.Millisecond
}

func TestAGateServesInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate("test", 1, 3)
		first, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var order []int
		for i := range 3 {
			go func() {
				turn, err := g.enter(t.Context())
				if err != nil {
					t.Error(err)
				}
				order = append(order, i)
				turn.leave()
			}()
			synctest.Wait()
		}
		if err := g.full(); err == nil {
			t.Error("the queue is full, and nobody says so")
		}
		if _, err := g.enter(t.Context()); retryOf(t, err) < minRetry {
			t.Error("no time to wait")
		}
		first.leave()
		synctest.Wait()
		if busy, waiting := g.load(); busy+waiting != 0 || !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("got %v, %d at work, %d waiting", order, busy, waiting)
		}
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate("test", 1, 3)
		first, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err = g.enter(t.Context())
		if waited := time.Since(begin); waited != patience || retryOf(t, err) < minRetry {
			t.Errorf("waited %v, want %v", waited, patience)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.enter(ctx); retryOf(t, err) < minRetry {
			t.Error("no time to wait")
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := g.enter(gone); connect.CodeOf(err) != connect.CodeCanceled {
			t.Errorf("gone: got %v", err)
		}
		first.leave()
		if busy, waiting := g.load(); busy+waiting != 0 {
			t.Errorf("%d at work, %d waiting, want none", busy, waiting)
		}
	})
}

// TestThoseSentAwayComeBackAsFastAsTheWorkGoes sends 10,000 away from a gate that serves 100 a second.
func TestThoseSentAwayComeBackAsFastAsTheWorkGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate("test", 4, 0)
		g.mean = 40 * time.Millisecond
		for range 4 {
			if _, err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		const away = 10_000
		perTen := make([]int, maxRetry/(10*time.Second)+1)
		for range away {
			_, err := g.enter(t.Context())
			wait := retryOf(t, err)
			if wait < minRetry || wait > maxRetry {
				t.Fatalf("got %v", wait)
			}
			perTen[wait/(10*time.Second)]++
		}
		if most := slices.Max(perTen); most > 1500 {
			t.Errorf("%d come back within ten seconds, 1000 can be served: %v", most, perTen)
		}
		// However many more there are, they come within the bound and not all at its end.
		last := 0
		for range away * 10 {
			_, err := g.enter(t.Context())
			if retryOf(t, err) > maxRetry-10*time.Second {
				last++
			}
		}
		if last > away*10/5 {
			t.Errorf("%d of %d come back at the very end", last, away*10)
		}
	})
}

func TestASlowSenderLosesItsPlaceOnlyToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIntake("test", 2, 10, time.Second)
		s := &Service{metrics: newMetrics(nil), gates: newGates(16, newMetrics(nil).watch)}
		calls := make([]*call, 2)
		cut := [2]bool{}
		for n := range calls {
			calls[n] = &call{service: s, method: pushDeltaMethod, intake: i}
			calls[n].stop = func() { cut[n] = true; go calls[n].endReceiving() }
			if err := calls[n].beginReceiving(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(600 * time.Millisecond) //nolint:forbidigo // in a bubble of its own time
		}
		third := &call{service: s, method: pushDeltaMethod, intake: i}
		go func() { // the first has had more than its second, the other has not
			if err := third.beginReceiving(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if cut != [2]bool{true, false} || third.receiving.gate == nil {
			t.Errorf("cut off: got %v, want the first alone", cut)
		}
	})
}
