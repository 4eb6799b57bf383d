// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestPagesOfAnySizeGiveTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	for _, serial := range []string{"C1", "C2", "C3"} {
		w.push(machine(serial, ""))
		w.push(machine(serial, oneOfEach))
		w.push(machine(serial, `"disks":[{"name":"a","size":1}]`))
	}
	want := shapes(w.read(nil))
	for _, limit := range []int{1, 2, 7} {
		events, _ := w.readFrom(store.Position{}, limit, nil)
		if got := shapes(events); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %d events, want %d of the same", limit, len(got), len(want))
		}
	}
	w.Feed = feed.New(w.store, feed.Options{})
	if got := shapes(w.read(nil)); !slices.Equal(got, want) {
		t.Error("another feed gives others")
	}
	if slices.Sort(want); len(slices.Compact(want)) != len(want) {
		t.Error("two events have one id")
	}
	some := shapes(w.read(&event.Filter{Types: []string{"remove_machine_disk", "add_machine_ios_app"}}))
	for _, one := range some {
		if !slices.Contains(want, one) {
			t.Errorf("a filter changes an id: %s", one)
		}
	}
	if len(some) != 6 {
		t.Errorf("%d filtered events, want 6", len(some))
	}
}

// shapes are what must never differ.
func shapes(events []event.Event) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = events[i].ID() + " " + events[i].Type + " " + string(events[i].Payload)
	}
	return out
}

func TestWhatIsNotKeptIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	second := w.push(machine("C1", `"disks":[{"name":"a","size":1}]`))
	w.push(machine("C1", ""))
	w.exec(`DELETE FROM change WHERE head = $1 AND seq = 2`, second.Head)
	got := typesOf(w.inventory())
	// The first snapshot cannot be found out any more; its heartbeat can.
	if want := []string{"inventory_heartbeat", "remove_machine_disk", "inventory_heartbeat"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if w.Gone() != 2 {
		t.Errorf("%d entries are gone, want 2", w.Gone())
	}
	if _, err := w.store.Prune(t.Context(), []string{"C1"}); err != nil {
		t.Fatal(err)
	}
	w.push(machine("C2", ""))
	if got, want := typesOf(w.inventory()), []string{"machine_pruned", "add_machine", "inventory_heartbeat"}; !slices.Equal(got, want) {
		t.Errorf("after the prune: got %q, want %q", got, want)
	}
}

func TestAnEntryThatNobodyUnderstandsIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	for _, what := range []string{"status", "compliance", "tag", "event", "conflict"} {
		w.entry(what, w.machine("C1"), 0, "", `["nonsense"]`)
	}
	w.entry("event", 0, 0, "", `{"payload":{}}`)
	w.entry("audit", 0, 0, "nonsense", "")
	w.push(machine("C2", ""))
	got := typesOf(w.read(nil))
	want := []string{"add_machine", "inventory_heartbeat", "zentral_machine_conflict", "add_machine", "inventory_heartbeat"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if w.Gone() != 6 {
		t.Errorf("%d entries counted, want 6", w.Gone())
	}
	var log bytes.Buffer
	w.Feed = feed.New(w.store, feed.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))})
	w.read(nil)
	w.read(nil)
	if lines := strings.Count(log.String(), "\n"); lines != 5 { // that of the audit log points at nothing: a warning
		t.Errorf("%d lines in the log, want one for each:\n%s", lines, log.String())
	}
}

func TestATrimmedJournalIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	w.push(machine("C2", ""))
	w.exec(`UPDATE journal SET at = now() - interval '9 days' WHERE machine = $1`, w.machine("C1"))
	w.settle()
	if n, err := w.store.TrimJournal(t.Context(), 3, 100); n == 0 || err != nil {
		t.Fatalf("trimmed %d, %v", n, err)
	}
	if _, _, err := w.Read(t.Context(), store.Position{}, 10, nil); !errors.Is(err, feed.ErrTrimmed) {
		t.Errorf("got %v, want ErrTrimmed", err)
	}
	floor, err := w.store.JournalFloor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if events, _ := w.readFrom(floor, 10, nil); len(events) != 2 || events[0].SerialNumber != "C2" {
		t.Errorf("behind the floor: %q", typesOf(events))
	}
}

func TestABadFilterIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	if _, _, err := w.Read(t.Context(), store.Position{}, 10, &event.Filter{Types: []string{"nonsense"}}); err == nil {
		t.Error("nonsense is accepted")
	}
}
