// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// counted are the numbers that a repetition must not move.
func counted(w *world) [4]int {
	return [4]int{
		w.count("SELECT coalesce(sum(commits), 0) FROM head"), w.count("SELECT count(*) FROM change"),
		w.count("SELECT count(*) FROM journal"), w.count("SELECT count(*) FROM asset"),
	}
}

// twice makes a call two times, and a third time through another aggregator. All answers must be equal, and only the
// first call may count.
func twice[A proto.Message](t *testing.T, w *world, first, second client, call func(client) (A, error), clean func(A)) {
	t.Helper()
	want := must(call(first))(t)
	clean(want)
	numbers := counted(w)
	for _, c := range []client{first, second} {
		got := must(call(c))(t)
		if clean(got); !proto.Equal(got, want) {
			t.Errorf("repeated: got %v, want %v", got, want)
		}
		if again := counted(w); again != numbers {
			t.Errorf("commits, changes, journal, assets: got %v, want %v", again, numbers)
		}
	}
}

func TestRepeatedCallsCountOnce(t *testing.T) {
	t.Parallel()
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			one, two := d.open(t, w.aggregators[0]), d.open(t, w.aggregators[1])
			a := newAgent(t, one, "M-1")
			a.enroll(secret)

			first := a.checkInRequest(true)
			cleanCheckIn := func(r *syncv1.CheckInResponse) { r.IntervalSeconds = 0 }
			twice(t, w, one, two, func(c client) (*syncv1.CheckInResponse, error) { return c.CheckIn(a.ctx(), first) }, cleanCheckIn)

			whole := a.messages(false)
			pushes := func(c client) (*syncv1.PushSectionsResponse, error) { return c.PushAll(a.ctx(), whole) }
			twice(t, w, one, two, pushes, func(r *syncv1.PushSectionsResponse) { r.IntervalSeconds = 0 })

			current := a.checkInRequest(false)
			twice(t, w, one, two, func(c client) (*syncv1.CheckInResponse, error) { return c.CheckIn(a.ctx(), current) }, cleanCheckIn)

			delta := a.deltaRequest("disks", `{"name":"sdb","size":2}`)
			deltas := func(c client) (*syncv1.PushDeltaResponse, error) { return c.PushDelta(a.ctx(), delta) }
			twice(t, w, one, two, deltas, func(r *syncv1.PushDeltaResponse) { r.IntervalSeconds = 0 })

			delayed(t, w, a, one, whole, current, first)

			bye := &syncv1.GoodbyeRequest{Stamp: a.stamp(), Reason: "uninstalled"}
			byes := func(c client) (*syncv1.GoodbyeResponse, error) { return c.Goodbye(a.ctx(), bye) }
			twice(t, w, one, two, byes, func(*syncv1.GoodbyeResponse) {})
			w.fsck()
		})
	}
}

// delayed sends what was answered long ago again, and older goodbyes.
func delayed(t *testing.T, w *world, a *agent, c client, whole []*syncv1.PushSectionsRequest, checkIns ...*syncv1.CheckInRequest) {
	t.Helper()
	before := w.content()
	const message = "counter is behind: the last accepted one is "
	for _, request := range checkIns {
		_, err := c.CheckIn(a.ctx(), request)
		got := wantRefusal(t, err, connect.CodeAborted, message, isStale)
		if got.detail.GetCounter() != a.counter {
			t.Errorf("last accepted counter: got %d, want %d", got.detail.GetCounter(), a.counter)
		}
	}
	_, err := c.PushAll(a.ctx(), whole)
	wantRefusal(t, err, connect.CodeAborted, message, isStale)
	late := a.copied()
	late.instance, late.counter = a.instance, 1
	_, err = c.Goodbye(a.ctx(), &syncv1.GoodbyeRequest{Stamp: late.stamp()})
	wantRefusal(t, err, connect.CodeAborted, message, isStale)
	_, err = c.PushDelta(late.ctx(), late.deltaRequest("disks", `{"name":"old"}`))
	wantRefusal(t, err, connect.CodeAborted, message, isStale)
	if after := w.content(); after != before {
		t.Errorf("delayed calls changed\n%s\ninto\n%s", before, after)
	}
	a.current()
}

func TestSecondRequestUnderOneCounterIsStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "M-1")
	a.counter--
	_, err := a.client.PushDelta(a.ctx(), a.deltaRequest("disks", `{"name":"other"}`))
	wantRefusal(t, err, connect.CodeAborted, "counter is behind", isStale)
	a.counter = 1 << 62
	a.pushAll(false)
	a.current()
	w.fsck()
}
