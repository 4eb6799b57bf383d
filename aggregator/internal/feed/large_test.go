// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// disks is a section of many.
func disks(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"name":"sd%05d","size":1000}`, i)
	}
	return `"disks":[` + strings.Join(all, ",") + `]`
}

// TestLargeChangesAreReadFewAtATime has changes of a size that nobody can want in memory together.
func TestLargeChangesAreReadFewAtATime(t *testing.T) {
	t.Parallel()
	const size, changes = 20_000, 4
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	for range changes / 2 {
		w.push(machine("C1", disks(size)))
		w.push(machine("C1", ""))
	}
	w.settle()
	filter := &event.Filter{Types: []string{"add_machine_disk", "remove_machine_disk"}}
	var got []string
	for after := (store.Position{}); ; {
		batches, next, err := w.Read(t.Context(), after, 100, filter)
		if err != nil {
			t.Fatal(err)
		}
		if len(batches) > 1 {
			t.Errorf("%d large changes were read at once", len(batches))
		}
		for _, b := range batches {
			if len(b.Events) != size {
				t.Errorf("%d events, want %d", len(b.Events), size)
			}
			got = append(got, b.Events[0].Type)
		}
		if next == after {
			break
		}
		after = next
	}
	if want := strings.Repeat("add_machine_disk remove_machine_disk ", changes/2); strings.Join(got, " ")+" " != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
