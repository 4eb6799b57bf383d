// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestGivingUpMakesDeadLettersThatCanBeReplayed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		status   int
		attempts int // before it is given up, of 5
	}{
		{name: "a server in trouble", status: http.StatusBadGateway, attempts: 5},
		{name: "too many requests", status: http.StatusTooManyRequests, attempts: 5},
		{name: "a request that is not wanted", status: http.StatusBadRequest, attempts: 3},
		{name: "a redirect is not followed", status: http.StatusFound, attempts: 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, ctx := newWorld(t), t.Context()
			var mended atomic.Bool
			r := newReceiver(t, func(rw http.ResponseWriter, d *delivery) int {
				if d.N == 0 && !mended.Load() {
					rw.Header().Set("Location", "/elsewhere")
					return test.status
				}
				return http.StatusOK
			})
			sink := hook("a", r.server.URL)
			sink.MaxAttempts = 5
			n := w.run(notify.Options{Sinks: []config.Sink{sink}})
			w.begun("webhook.a")
			machine := w.machine("S")
			w.happen(machine, 0)
			w.happen(machine, 1)
			w.settled("webhook.a")
			if got := len(r.attempts()); got != test.attempts+1 {
				t.Errorf("%d attempts, want %d and one of what comes behind it", got, test.attempts)
			}
			letters := must(w.DeadLetters(ctx, store.DeadLetterFilter{Sink: "webhook.a", Type: "osquery_request", SerialNumber: "S"}, 0, 10))(t)
			if len(letters) != 1 || letters[0].Attempts != test.attempts || letters[0].EventID != r.attempts()[0].ID ||
				numberOf(letters[0].Event) != 0 || letters[0].Machine != machine || !strings.Contains(letters[0].LastError, "status ") {
				t.Fatalf("letters %+v", letters)
			}
			if got := n.gauge("rollcall_sink_deliveries_total", "dead"); got != 1 {
				t.Errorf("%v were counted as dead", got)
			}

			asked := must(w.ReplayDeadLetters(ctx, "webhook.a"))(t) // in vain
			w.until("the replay does not fail", func() bool {
				l := must(w.DeadLetters(ctx, store.DeadLetterFilter{}, 0, 10))(t)
				return len(l) == 1 && l[0].Attempts == 2*test.attempts && l[0].ReplayAt == nil
			})
			mended.Store(true)
			if err := w.ReplayDeadLetter(ctx, letters[0].ID); err != nil {
				t.Fatal(err)
			}
			w.until("the letter is there", func() bool { return len(must(w.DeadLetters(ctx, store.DeadLetterFilter{}, 0, 10))(t)) == 0 })
			last := r.taken()[len(r.taken())-1]
			if asked != 1 || last.ID != letters[0].EventID || !sameJSON(last.Data, r.attempts()[0].Data) || last.At.IsZero() {
				t.Errorf("asked for %d, delivered %+v", asked, last)
			}
		})
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	l, _ := json.Marshal(x) //nolint:errchkjson // it was just decoded
	r, _ := json.Marshal(y) //nolint:errchkjson // it was just decoded
	return slices.Equal(l, r)
}

func TestAddressesOfTheLinkAreNeverAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(notify.Options{Sinks: []config.Sink{hook("a", "https://169.254.169.254/latest")}})
	w.begun("webhook.a")
	w.happen(0, 0)
	w.settled("webhook.a")
	letters := must(w.DeadLetters(t.Context(), store.DeadLetterFilter{}, 0, 10))(t)
	if len(letters) != 1 || letters[0].Attempts != 3 || !strings.Contains(letters[0].LastError, "never asked") {
		t.Errorf("letters %+v", letters)
	}
}

func TestWhatIsDeletedIsNotReplayed(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for _, id := range []string{"a:0", "b:0", "c:0"} {
		letter := store.DeadLetter{Sink: "webhook.x", EventID: id, Type: "t", Attempts: 1, LastError: "e", Event: []byte(`{}`)}
		if err := w.PutDeadLetter(ctx, letter); err != nil {
			t.Fatal(err)
		}
	}
	all := must(w.DeadLetters(ctx, store.DeadLetterFilter{}, 0, 10))(t)
	if len(all) != 3 || all[0].EventID != "c:0" || len(must(w.DeadLetters(ctx, store.DeadLetterFilter{}, all[0].ID, 1))(t)) != 1 {
		t.Errorf("letters %+v", all)
	}
	if err := w.DeleteDeadLetter(ctx, all[2].ID); err != nil {
		t.Fatal(err)
	}
	if got := must(w.ReplayDeadLetters(ctx, "webhook.x"))(t); got != 2 {
		t.Errorf("%d are replayed, want 2", got)
	}
	w.exec(`UPDATE dead_letter SET at = now() - interval '31 days' WHERE event_id = 'b:0'`)
	if got := must(w.ForgetDeadLetters(ctx, 30, 10, 10))(t); got != 1 {
		t.Errorf("forgot %d, want 1", got)
	}
	if got := must(w.Replays(ctx, "webhook.x", 0, 10))(t); len(got) != 1 || got[0].EventID != "c:0" {
		t.Errorf("replays %+v", got)
	}
}

func TestOnlySoManyLettersOfASinkAreKept(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for _, id := range []string{"a:0", "b:0", "c:0"} {
		for _, sink := range []string{"webhook.x", "webhook.y"} {
			letter := store.DeadLetter{Sink: sink, EventID: id, Type: "t", Attempts: 1, LastError: "e", Event: []byte(`{}`)}
			if err := w.PutDeadLetter(ctx, letter); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.exec(`DELETE FROM dead_letter WHERE sink = 'webhook.y' AND event_id = 'a:0'`)
	if got := must(w.ForgetDeadLetters(ctx, 30, 2, 10))(t); got != 1 {
		t.Errorf("forgot %d, want 1", got)
	}
	if got := must(w.DeadLetters(ctx, store.DeadLetterFilter{Sink: "webhook.x"}, 0, 10))(t); len(got) != 2 || got[0].EventID != "c:0" || got[1].EventID != "b:0" {
		t.Errorf("kept %+v, want the newest two", got)
	}
}
