// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// fleet makes machines, and a lane for what is about none.
func (w *world) fleet(n int) []int64 {
	w.t.Helper()
	lanes := []int64{0}
	for i := range n {
		lanes = append(lanes, w.machine(serial(i)))
	}
	return lanes
}

// numbers returns what of each machine was taken first, in the order in which it came.
func numbers(taken []delivery) map[string][]int {
	seen, out := map[string]bool{}, map[string][]int{}
	for _, d := range taken {
		if !seen[d.ID] {
			seen[d.ID] = true
			out[d.Serial] = append(out[d.Serial], d.N)
		}
	}
	return out
}

// distinctIDs counts events.
func distinctIDs(taken []delivery) int {
	ids := map[string]bool{}
	for _, d := range taken {
		ids[d.ID] = true
	}
	return len(ids)
}

// inOrder wants the numbers from 0 of every lane.
func inOrder(t *testing.T, taken []delivery, lanes, each int) {
	t.Helper()
	got := numbers(taken)
	if len(got) != lanes {
		t.Errorf("events of %d machines, want %d", len(got), lanes)
	}
	for name, ns := range got {
		if len(ns) != each || !slices.IsSorted(ns) || ns[0] != 0 || ns[len(ns)-1] != each-1 {
			t.Errorf("machine %q: %v, want 0 to %d in order", name, ns, each-1)
		}
	}
}

func TestEventsComeInOrderForEachMachineHoweverOftenTheReceiverFails(t *testing.T) {
	t.Parallel()
	const machines, each = 4, 30
	w := newWorld(t)
	r := newReceiver(t, func(_ http.ResponseWriter, _ *delivery) int {
		return []int{200, 204, 500, 503, 429, 408}[rand.N(6)]
	})
	w.run(notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}})
	w.begun("webhook.a")
	lanes := w.fleet(machines)
	for n := range each {
		for _, lane := range lanes {
			w.happen(lane, n)
		}
	}
	w.settled("webhook.a")
	taken := r.taken()
	inOrder(t, taken, machines+1, each)
	if len(taken) != len(lanes)*each {
		t.Errorf("%d were taken, want each of %d once", len(taken), len(lanes)*each)
	}
	at := map[string]int{} // what each machine waits for
	for _, d := range r.attempts() {
		if d.N != at[d.Serial] {
			t.Fatalf("machine %q: %d was sent, though %d was not taken yet", d.Serial, d.N, at[d.Serial])
		}
		if d.Status < 300 {
			at[d.Serial]++
		}
	}
	s := w.sink("webhook.a")
	w.until("what was delivered is not counted", func() bool { s = w.sink("webhook.a"); return s.Delivered == int64(len(taken)) })
	if attempts := int64(len(r.attempts())); s.Attempts != attempts || s.Failures != attempts-s.Delivered || s.LastError == "" {
		t.Errorf("sink %+v, want %d attempts", s, attempts)
	}
}

func TestKillsLoseNothingAndInventNothing(t *testing.T) {
	t.Parallel()
	const machines, each = 3, 60
	w := newWorld(t)
	r := newReceiver(t, func(_ http.ResponseWriter, _ *delivery) int { return []int{200, 500}[rand.N(2)] })
	o := notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}}
	n := w.run(o)
	w.begun("webhook.a")
	lanes := w.fleet(machines)
	kills := 0
	for i := range each {
		for _, lane := range lanes {
			w.happen(lane, i)
		}
		if i%10 == 9 {
			more := len(r.attempts()) + rand.N(60)
			w.until("nothing comes", func() bool { return len(r.attempts()) >= more || distinctIDs(r.taken()) == (i+1)*len(lanes) })
			n.kill()
			kills++
			n = w.run(o)
		}
	}
	w.settled("webhook.a")
	inOrder(t, r.taken(), machines+1, each)
	if got := distinctIDs(r.taken()); got != len(lanes)*each {
		t.Errorf("%d events after %d kills, want %d", got, kills, len(lanes)*each)
	}
}

func TestOneAggregatorDeliversAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	o := notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}}
	first := w.run(o)
	w.begun("webhook.a")
	w.run(o)
	machine := w.machine("S")
	for n := range 50 {
		w.happen(machine, n)
	}
	w.settled("webhook.a")
	first.stop()
	for n := range 50 {
		w.happen(machine, 50+n)
	}
	w.settled("webhook.a")
	inOrder(t, r.taken(), 1, 100)
	if got := len(r.attempts()); got != 100 {
		t.Errorf("%d attempts: both delivered", got)
	}
}

func TestALeaseThatIsNotRenewedIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	n := w.run(notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}})
	w.begun("webhook.a")
	w.exec(`UPDATE sink SET holder = gen_random_uuid(), lease_until = now() + interval '1 hour'`)
	w.happen(0, 0)
	w.exec(`UPDATE sink SET lease_until = now() - interval '1 s'`)
	w.happen(0, 1)
	w.settled("webhook.a")
	if got := distinctIDs(r.taken()); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
	n.stop()
	if w.sink("webhook.a").Held {
		t.Error("the lease was not given back")
	}
}

func TestANewSinkBeginsAtTheEndAndAnotherEpochToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	o := notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}}
	w.happen(0, 0)
	w.quiet()
	n := w.run(o)
	w.begun("webhook.a")
	w.happen(0, 1)
	w.settled("webhook.a")
	n.stop()
	w.happen(0, 2)
	w.exec(`UPDATE database_epoch SET timeline = timeline - 1`)
	must(w.Epoch(t.Context()))(t)
	w.quiet()
	w.run(o)
	w.begun("webhook.a")
	w.happen(0, 3)
	w.settled("webhook.a")
	w.until("3 does not come", func() bool { return len(r.taken()) == 2 })
	if got := numbers(r.taken())[""]; !slices.Equal(got, []int{1, 3}) {
		t.Errorf("got %v, want 1 and 3", got)
	}
	if s := w.sink("webhook.a"); s.LastError == "" {
		t.Errorf("the row says nothing: %+v", s)
	}
}

func TestAReceiverThatIsGoneIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var back bool
	gone := newReceiver(t, nil)
	gone.answer = func(_ http.ResponseWriter, d *delivery) int {
		if d.N == 1 && !back {
			back = true
			return http.StatusGone
		}
		return http.StatusOK
	}
	other := newReceiver(t, nil)
	w.run(notify.Options{Sinks: []config.Sink{hook("gone", gone.server.URL), hook("other", other.server.URL)}})
	w.begun("webhook.gone", "webhook.other")
	for n := range 4 {
		w.happen(0, n)
	}
	w.until("it is not disabled", func() bool { s := w.sink("webhook.gone"); return s.DisabledAt != nil && !s.Held })
	w.settled("webhook.other")
	if got := len(gone.attempts()); got != 2 {
		t.Errorf("%d attempts, want 2", got)
	}
	audit := must(w.ListAudit(t.Context(), store.AuditFilter{Object: "sink"}, 0, 10))(t)
	if len(audit) != 1 || audit[0].Action != "disabled" || audit[0].ObjectID != "webhook.gone" {
		t.Errorf("audit: %+v", audit)
	}
	if err := w.EnableSink(t.Context(), "webhook.gone"); err != nil {
		t.Fatal(err)
	}
	w.settled("webhook.gone")
	inOrder(t, gone.taken(), 1, 4)
}

func TestAReceiverThatWantsQuietGetsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, func(rw http.ResponseWriter, _ *delivery) int {
		rw.Header().Set("Retry-After", "3600")
		return http.StatusServiceUnavailable
	})
	other := newReceiver(t, nil)
	busy := hook("busy", r.server.URL)
	busy.Concurrency = 1 // so that nothing else is under way
	w.run(notify.Options{Sinks: []config.Sink{busy, hook("other", other.server.URL)}})
	w.begun("webhook.busy", "webhook.other")
	lanes := w.fleet(10)
	w.happen(lanes[1], 0)
	w.until("it is not asked", func() bool { return len(r.attempts()) == 1 })
	for _, lane := range lanes {
		w.happen(lane, 1)
	}
	w.settled("webhook.other")
	w.until("the failure is not noted", func() bool { return w.sink("webhook.busy").Failures == 1 })
	if got := len(r.attempts()); got != 1 {
		t.Errorf("%d attempts, want none after the first", got)
	}
}

func TestTheEnvelopeNamesTypeTimeAndEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	w.run(notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}})
	w.begun("webhook.a")
	w.happen(w.machine("S"), 7)
	w.settled("webhook.a")
	got := r.taken()
	if len(got) != 1 || got[0].Type != "osquery_request" || got[0].Serial != "S" || got[0].N != 7 || time.Since(got[0].At) > patience {
		t.Fatalf("got %+v", got)
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal(got[0].Data, &data); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(data)); !slices.Equal(keys, []string{"_zentral", "n"}) {
		t.Errorf("keys %v", keys)
	}
}

func TestASinkThatMissedEntriesGoesOnBehindThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	o := notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}}
	n := w.run(o)
	w.begun("webhook.a")
	n.stop()
	w.happen(0, 0)
	w.quiet()
	w.exec(`UPDATE journal_floor SET (xid, id) = (SELECT xid, id FROM journal ORDER BY xid DESC, id DESC LIMIT 1)`)
	w.exec(`DELETE FROM journal`)
	w.run(o)
	w.happen(0, 1)
	w.until("1 does not come", func() bool { return len(r.taken()) == 1 })
	w.until("it is not noted", func() bool { return w.sink("webhook.a").MissedAt != nil })
	if got := numbers(r.taken())[""]; !slices.Equal(got, []int{1}) || !strings.Contains(w.log.String(), "events lost") {
		t.Errorf("got %v, log %s", got, w.log)
	}
}
