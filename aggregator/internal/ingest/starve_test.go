// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
)

// bareCall is a call of a service without a database.
func bareCall(method string) *call {
	s := &Service{metrics: newMetrics(nil), room: newRoom(), committer: &commit.Committer{}}
	s.gates = newGates(16, s.metrics.watch)
	return &call{service: s, method: method, intake: s.gates.intake(method)}
}

func TestAPanicLeavesTheGate(t *testing.T) {
	t.Parallel()
	c := bareCall(pushDeltaMethod)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a committer without a store does not panic: the test is none")
			}
		}()
		ctx := context.WithValue(t.Context(), callKey{}, c)
		_, _ = c.service.commit(ctx, &report{}, &commit.Push{}, "delta", nil, nil) // it panics
	}()
	if busy, _ := c.service.gates.deltas.load(); busy != 0 {
		t.Errorf("%d slots are taken for ever", busy)
	}
}

func TestPushesLeaveRoomForCheckIns(t *testing.T) {
	t.Parallel()
	push := bareCall(pushSectionsMethod)
	for err := error(nil); err == nil; err = push.take(1 << 20) { // until there is no more
		continue
	}
	checkIn := &call{service: push.service, method: checkInMethod}
	if err := checkIn.take(messageWeight * maxBesides); err != nil {
		t.Errorf("a check-in beside pushes: got %v", err)
	}
	push.end()
	checkIn.end()
	if taken := push.service.room.taken(); taken != 0 {
		t.Errorf("%d bytes are never given back", taken)
	}
}

func TestTheLargestPushFits(t *testing.T) {
	t.Parallel()
	c := bareCall(pushSectionsMethod)
	const framing = 4 // bytes around each body
	messages, entries := messageWeight*(maxPushBytes+framing*commit.MaxAssets), (idWeight+bodyWeight)*commit.MaxAssets
	for _, bytes := range []int{messages, entries} {
		if err := c.take(bytes); err != nil {
			t.Errorf("%d bytes: got %v", bytes, err)
		}
	}
}

// TestACallIsCutOffOnlyWhileItIsReceived: what stops the receiving belongs to the listener once the call has ended.
func TestACallIsCutOffOnlyWhileItIsReceived(t *testing.T) {
	t.Parallel()
	c := bareCall(pushSectionsMethod)
	stopped := 0
	c.stop = func() {
		stopped++
		if c.intake.mu.TryLock() {
			t.Error("the call may end meanwhile")
			c.intake.mu.Unlock()
		}
	}
	c.intake.cut(c) // not yet
	if err := c.beginReceiving(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.intake.cut(c)
	c.endReceiving()
	c.late.Store(false)
	c.intake.cut(c) // not any more
	if stopped != 1 {
		t.Errorf("stopped %d times, want once", stopped)
	}
}
