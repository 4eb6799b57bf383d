// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
)

func TestProbesAreNoticedWhenTheyCome(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.run(notify.Options{})
	r := newReceiver(t, nil)
	even := event.Filter{Types: []string{"osquery_request"}, Expression: "n == `2` || n == `4` || n == `6` || n == `8`"}
	p := must(w.CreateProbe(ctx, probe("even", r.server.URL, even)))(t)
	r.expect(p.Secret)
	for n := range 4 { // whether or not it was noticed by then
		w.happen(0, n)
	}
	w.settled(p.SinkName())
	w.until("2 does not come", func() bool { return len(r.taken()) == 1 })
	var data struct {
		Zentral struct {
			Probes []struct {
				PK   int64  `json:"pk"`
				Name string `json:"name"`
			} `json:"probes"`
		} `json:"_zentral"`
	}
	if err := json.Unmarshal(r.taken()[0].Data, &data); err != nil || len(data.Zentral.Probes) != 1 || data.Zentral.Probes[0].PK != p.ID || data.Zentral.Probes[0].Name != "even" {
		t.Errorf("the event does not name the probe: %s", r.taken()[0].Data)
	}

	next := notify.NewSecret()
	p = must(w.RotateProbeSecret(ctx, p.ID, next, time.Hour))(t)
	if p.Secret != next || p.PreviousSecret == "" {
		t.Fatalf("rotated to %+v", p)
	}
	w.exec(`SELECT pg_sleep(0.1)`) // longer than the notifier looks away
	w.begun(p.SinkName())
	r.expect(next, p.PreviousSecret)
	w.happen(0, 4)
	w.settled(p.SinkName())
	w.until("4 does not come", func() bool { return len(r.taken()) == 2 })

	p.Enabled = false
	must(w.UpdateProbe(ctx, p))(t)
	w.until("it is delivered to", func() bool { return !w.sink(p.SinkName()).Held })
	w.happen(0, 6)
	w.quiet()
	p.Enabled = true
	must(w.UpdateProbe(ctx, p))(t)
	w.happen(0, 8)
	w.settled(p.SinkName())
	w.until("8 does not come", func() bool { return len(r.taken()) == 3 })
	if got := numbers(r.taken())[""]; !slices.Equal(got, []int{2, 4, 8}) {
		t.Errorf("got %v, want 2, 4 and 8", got)
	}

	if err := w.DeleteProbe(ctx, p.ID); err != nil {
		t.Fatal(err)
	}
	if s := w.sink(p.SinkName()); s.Name != "" {
		t.Errorf("it is still there: %+v", s)
	}
}

func TestAFilterThatNobodyUnderstandsAnyMoreIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := must(w.CreateProbe(t.Context(), probe("p", r.server.URL, event.Filter{Types: []string{"of_another_version"}})))(t)
	w.run(notify.Options{})
	w.until("nobody says it", func() bool { return strings.Contains(w.log.String(), p.SinkName()) })
	w.exec(`SELECT pg_sleep(0.1)`) // in which it is looked at many times
	if got := strings.Count(w.log.String(), p.SinkName()); got != 1 {
		t.Errorf("it is said %d times", got)
	}
}

func TestAProbeIsTestedWithOneSignedEvent(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	r := newReceiver(t, func(rw http.ResponseWriter, _ *delivery) int {
		if status != http.StatusOK {
			rw.Header().Set("X", "y")
		}
		return status
	})
	p := probe("p", r.server.URL, event.Filter{})
	p.ID = 7
	r.expect(p.Secret)
	if got := notify.Test(t.Context(), &p); !got.Delivered || got.Status != 200 || got.Error != "" {
		t.Errorf("got %+v", got)
	}
	status = http.StatusTeapot
	if got := notify.Test(t.Context(), &p); got.Delivered || got.Status != http.StatusTeapot || got.Error == "" {
		t.Errorf("got %+v", got)
	}
	if all := r.attempts(); len(all) != 2 || all[0].Type != notify.TestType {
		t.Errorf("attempts %+v", all)
	}
	r.server.Close()
	if got := notify.Test(t.Context(), &p); got.Delivered || got.Status != 0 || strings.Contains(got.Error, r.server.URL) || got.Error == "" {
		t.Errorf("got %+v", got)
	}
}
