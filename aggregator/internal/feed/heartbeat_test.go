// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
)

func TestHeartbeatsOfMachinesThatOnlyCheckIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	began := time.Now().Add(-time.Hour)
	for _, serial := range []string{"changed", "first", "second", "archived", "future", "old"} {
		w.push(machine(serial, ""))
	}
	seen := func(serial, ago string) {
		w.exec(`UPDATE head SET last_seen = now() - $2::interval WHERE machine = $1`, w.machine(serial), ago)
	}
	seen("first", "9 minutes")
	seen("second", "8 minutes")
	seen("archived", "8 minutes")
	w.exec(`UPDATE head SET archived_at = now() WHERE machine = $1`, w.machine("archived"))
	seen("future", "-1 hour")
	seen("old", "2 hours")

	beats, next, err := w.Heartbeats(t.Context(), began)
	if err != nil {
		t.Fatal(err)
	}
	var serials []string
	for i := range beats {
		e := &beats[i]
		serials = append(serials, e.SerialNumber)
		if e.Type != "inventory_heartbeat" || !e.Naive || e.Index != 0 || e.Source != "osquery" ||
			string(e.Payload) != `{"source":{"module":"zentral.contrib.osquery","name":"osquery"}}` {
			t.Errorf("%s", e.AppendJSON(nil))
		}
	}
	if want := []string{"first", "second"}; !slices.Equal(serials, want) {
		t.Fatalf("got %q, want %q", serials, want)
	}
	if !next.Equal(beats[1].At) {
		t.Errorf("next %s, the last was seen %s", next, beats[1].At)
	}
	again, _, err := w.Heartbeats(t.Context(), began)
	if err != nil || len(again) != 2 || again[0].ID() != beats[0].ID() || again[1].ID() != beats[1].ID() {
		t.Errorf("other ids the second time: %v, %v", again, err)
	}
	none, same, err := w.Heartbeats(t.Context(), next)
	if err != nil || len(none) != 0 || !same.Equal(next) {
		t.Errorf("nobody was seen since: %d, %s, %v", len(none), same, err)
	}
	seen("second", "0")
	if fresh, _, err := w.Heartbeats(t.Context(), next); err != nil || len(fresh) != 1 || fresh[0].ID() == beats[1].ID() {
		t.Errorf("seen again: %v, %v", fresh, err)
	}
}

func TestAHeartbeatHasTheTimeThatItsSourceSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", `"last_seen":"2026-01-02T03:04:05.25"`))
	w.push(machine("C1", `"disks":[{"name":"a","size":1}]`))
	events := w.inventory()
	if got := decoded(t, &events[1])["_zentral"].(map[string]any)["created_at"]; got != "2026-01-02T03:04:05.250000" {
		t.Errorf("created_at %v", got)
	}
	if add, beat := events[2], events[3]; !add.At.Equal(beat.At) || add.Naive || !beat.Naive {
		t.Errorf("without a time of its own: %s and %s", add.At, beat.At)
	}
}

func TestAStatusHasTheTimeThatItsTreeIsOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	check := compliance.Check{Name: "c", SourceName: "osquery", Platforms: []string{"LINUX"}, Expression: "length(disks) == `1`"}
	if _, err := w.store.CreateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	const system = `"os_version":{"name":"Ubuntu","major":24}`
	w.push(machine("C1", system+`,"last_seen":"2026-01-02T03:04:05.25"`))
	w.push(machine("C1", system+`,"disks":[{"name":"a","size":1}]`))
	var told []event.Event
	for _, e := range w.read(nil) {
		if e.Type == "inventory_jmespath_check_status_updated" || e.Type == "inventory_heartbeat" {
			told = append(told, e)
		}
	}
	if len(told) != 4 {
		t.Fatalf("got %q", typesOf(told))
	}
	if got := decoded(t, &told[1])["_zentral"].(map[string]any)["created_at"]; got != "2026-01-02T03:04:05.250000" {
		t.Errorf("created_at %v", got)
	}
	if between := told[3].At.Sub(told[2].At); !told[3].Naive || between.Abs() > time.Minute {
		t.Errorf("without a time of its own: %s and %s", told[2].At, told[3].At)
	}
}

func TestAChangeWithATimeOfItsOwnHasOneHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	began := time.Now().Add(-time.Hour)
	at := func(ago time.Duration) string {
		return `"last_seen":"` + began.Add(ago).UTC().Format(time.RFC3339) + `"`
	}
	beats := func() int {
		t.Helper()
		found, _, err := w.Heartbeats(t.Context(), began)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	const disks = `,"disks":[{"name":"a","size":1}]`
	for i, step := range []struct {
		tree string
		want int
	}{
		{at(time.Minute), 0},
		{at(2*time.Minute) + disks, 0},
		{at(3*time.Minute) + disks, 1}, // nothing changed: no other event tells of it
		{at(time.Minute), 1},           // an old tree: the machine was seen since
		{at(4*time.Minute) + disks, 0},
	} {
		w.push(machine("C1", step.tree))
		if got := beats(); got != step.want {
			t.Errorf("step %d: %d heartbeats beside those of changes, want %d", i, got, step.want)
		}
	}
}
