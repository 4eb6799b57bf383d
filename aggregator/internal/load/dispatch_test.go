// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// idleRunner is a fleet that makes no calls.
func idleRunner(t *testing.T, machines, workers int) *Runner {
	t.Helper()
	f, err := fleet.New(fleet.Options{Machines: machines})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Fleet: f, Servers: []string{"http://127.0.0.1:1"}, Transport: "connect", Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	r.record = newRecorder(time.Now())
	return r
}

// busy is what an aggregator without room says.
func busy(wait time.Duration) error {
	err := connect.NewError(connect.CodeResourceExhausted, errors.New("busy"))
	detail, _ := connect.NewErrorDetail(&syncv1.Refusal{
		Reason: syncv1.RefusalReason_REFUSAL_REASON_BUSY, RetryMilliseconds: uint32(wait.Milliseconds()),
	})
	err.AddDetail(detail)
	return err
}

func TestTurnsBeginWhenTheyAreDueWhateverTheOthersTake(t *testing.T) {
	t.Parallel()
	r := idleRunner(t, 10, 2)
	synctest.Test(t, func(t *testing.T) {
		r.record = newRecorder(time.Now())
		const slow = 400 * time.Millisecond
		started := time.Now()
		var mu sync.Mutex
		late := map[int]time.Duration{}
		err := r.dispatch(t.Context(), paced([]int{0, 1, 2, 3, 4, 5}, 10, sameDay), func(_ context.Context, j *job) error {
			time.Sleep(slow) //nolint:forbidigo // the clock is the test's own
			mu.Lock()
			defer mu.Unlock()
			late[j.index] = time.Since(j.due)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		// Two workers, each 400 ms, turns due every 100 ms: the third waits 200 ms, the fifth 400 ms.
		want := map[int]time.Duration{0: slow, 1: slow, 2: slow + 200*time.Millisecond, 3: slow + 200*time.Millisecond, 4: 2 * slow, 5: 2 * slow}
		for i, w := range want {
			if late[i] != w {
				t.Errorf("turn %d: took %s from when it was due, want %s", i, late[i], w)
			}
		}
		if took := time.Since(started); took != 3*slow+100*time.Millisecond {
			t.Errorf("all took %s", took)
		}
	})
}

func TestRefusedMachinesWaitAsLongAsTheyAreTold(t *testing.T) {
	t.Parallel()
	r := idleRunner(t, 2, 2)
	synctest.Test(t, func(t *testing.T) {
		r.record = newRecorder(time.Now())
		const asked = 10 * time.Second
		started := time.Now()
		attempts := 0
		err := r.dispatch(t.Context(), paced([]int{1}, 0, sameDay), func(context.Context, *job) error {
			if attempts++; attempts < 4 {
				return busy(asked)
			}
			return nil
		})
		if took := time.Since(started); err != nil || attempts != 4 || took < 3*asked || took > 3*asked*5/4 {
			t.Errorf("%d attempts in %s, %v", attempts, took, err)
		}
	})
}

func TestBusyMachinesMissTheirTurnAndHopelessOnesGiveUp(t *testing.T) {
	t.Parallel()
	r := idleRunner(t, 2, 4)
	synctest.Test(t, func(t *testing.T) {
		r.record = newRecorder(time.Now())
		var calls atomic.Int64
		err := r.dispatch(t.Context(), paced([]int{0, 0, 1}, 10, sameDay), func(_ context.Context, j *job) error {
			calls.Add(1)
			if j.index == 1 {
				return connect.NewError(connect.CodeUnauthenticated, errors.New("no"))
			}
			time.Sleep(time.Minute) //nolint:forbidigo // the clock is the test's own
			return nil
		})
		if err != nil || calls.Load() != 1+maxFailures {
			t.Errorf("%d calls, %v", calls.Load(), err)
		}
		c := r.record.counts
		if c.skipped != 1 || c.gaveUp != 1 || len(r.record.failures) != 1 {
			t.Errorf("%+v, %v", c, r.record.failures)
		}
	})
}

func TestCalledOffVerbLetsCallsFinish(t *testing.T) {
	t.Parallel()
	r := idleRunner(t, 3, 1)
	synctest.Test(t, func(t *testing.T) {
		r.record = newRecorder(time.Now())
		ctx, cancel := context.WithCancel(t.Context())
		finished := 0
		err := r.dispatch(ctx, paced([]int{0, 1, 2}, 0, sameDay), func(ctx context.Context, _ *job) error {
			cancel()
			time.Sleep(time.Second) //nolint:forbidigo // the clock is the test's own
			finished++
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) || finished != 1 {
			t.Errorf("%d calls finished, %v", finished, err)
		}
	})
}

func TestBackOffGrowsAtRandom(t *testing.T) {
	t.Parallel()
	for failures := 1; failures < 40; failures++ {
		wait := backOff(failures, 0)
		if limit := min(firstBackOff<<min(failures-1, 20), maxBackOff); wait < minWait || wait > limit {
			t.Errorf("%d failures: %s, want %s to %s", failures, wait, minWait, limit)
		}
	}
	if wait := backOff(5, time.Second); wait < time.Second || wait > 5*time.Second/4 {
		t.Errorf("asked for a second: %s", wait)
	}
}

func TestSteadyLoadKeepsItsRateAndShare(t *testing.T) {
	t.Parallel()
	r := idleRunner(t, 50, 1)
	list := make([]int, 50)
	for i := range list {
		list[i] = i
	}
	next := r.inTurn(list, Steady{Rate: 1000, Duration: 10 * time.Second, Changed: 0.1})
	var first, last time.Time
	turns, changed := 0, 0
	for j, ok := next(); ok; j, ok = next() {
		if turns == 0 {
			first = j.due
		}
		last = j.due
		turns++
		if j.day == nextChange {
			changed++
		}
	}
	if turns != 10_000 || last.Sub(first) != 9999*time.Millisecond {
		t.Errorf("%d turns in %s", turns, last.Sub(first))
	}
	if changed < 800 || changed > 1200 {
		t.Errorf("%d of %d turns bring a change, want about 1,000", changed, turns)
	}
}
