// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestHeartbeatsComeToWhoAsksForThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked, other := newReceiver(t, nil), newReceiver(t, nil)
	beats := hook("beats", asked.server.URL)
	beats.Filter = event.Filter{Types: []string{event.TypeHeartbeat}, Sources: []string{"osquery"}}
	all := hook("all", other.server.URL)
	all.Filter = event.Filter{}
	w.run(notify.Options{Sinks: []config.Sink{beats, all}})
	w.begun("webhook.beats", "webhook.all")
	machine := w.machine("S")
	for _, name := range []string{"osquery", "munki"} {
		source := must(w.EnsureSource(t.Context(), store.Source{Module: "test", Name: name}))(t)
		w.exec(`INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen, agent_instance, counter)
			VALUES ($1, $2, decode(repeat('00', 32), 'hex'), 1, 1, now(), now(), now() + interval '1 s', '', 0)`, machine, source.ID)
	}
	w.until("no heartbeat comes", func() bool { return len(asked.taken()) > 0 })
	w.happen(0, 0)
	w.settled("webhook.all")
	for _, d := range asked.taken() {
		if d.Type != event.TypeHeartbeat || d.Serial != "S" {
			t.Errorf("got %+v", d)
		}
	}
	if got := distinctIDs(asked.taken()); got != 1 {
		t.Errorf("%d heartbeats, want that of one source", got)
	}
	for _, d := range other.taken() {
		if d.Type == event.TypeHeartbeat {
			t.Errorf("nobody asked for %+v", d)
		}
	}
}

func TestSinksAreMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, func(http.ResponseWriter, *delivery) int { return http.StatusBadRequest })
	sink := hook("a", r.server.URL)
	n := w.run(notify.Options{Sinks: []config.Sink{sink}})
	w.begun("webhook.a")
	w.happen(0, 0)
	w.settled("webhook.a")
	for name, want := range map[string]float64{
		"rollcall_sink_dead_letters": 1, "rollcall_sink_lag_seconds": 0, "rollcall_sink_lag_entries": 0, "rollcall_sink_disabled": 0,
		"rollcall_sink_missed_timestamp_seconds": 0,
	} {
		if got := n.gauge(name, "webhook.a"); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := n.gauge("rollcall_sink_deliveries_total", "failed"); got != 3 {
		t.Errorf("%v attempts failed, want 3", got)
	}
}

func TestALongAnswerOfHeartbeatsIsFollowedByAnotherAtOnce(t *testing.T) {
	t.Parallel()
	for answered, want := range map[int]time.Duration{0: time.Minute, 10: time.Minute, 5000: 0} {
		if got := notify.UntilBeat(answered); got != want {
			t.Errorf("%s after %d, want %s", got, answered, want)
		}
	}
}

func TestManySinksReadLessOften(t *testing.T) {
	t.Parallel()
	for sinks, want := range map[int]time.Duration{1: 0, 12: 0, 25: 375 * time.Millisecond, 1000: 875 * time.Millisecond} {
		if got := notify.UntilTail(sinks); got != want {
			t.Errorf("%s with %d sinks, want %s", got, sinks, want)
		}
	}
}
