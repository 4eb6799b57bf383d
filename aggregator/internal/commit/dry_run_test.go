// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

func TestADryRunWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const machines = 250 // more than one page
	for i := range machines {
		w.report(fmt.Sprintf("S%03d", i), i%5)
	}
	before := w.counts()
	check := compliance.Check{SourceName: "Alpha", Expression: "os_version.major != `3`"}
	got := must(w.DryRun(t.Context(), commit.DryRun{Check: check, Most: 7, Limit: time.Minute}))(t)
	if got.Statuses[ok] != 200 || got.Statuses[failed] != 50 || !got.Complete || got.Evaluated() != machines {
		t.Errorf("got %+v", got)
	}
	var serials []string
	for _, m := range got.Machines {
		serials = append(serials, m.Serial)
	}
	if want := []string{"S003", "S008", "S013", "S018", "S023", "S028", "S033"}; !slices.Equal(serials, want) {
		t.Errorf("got %v, want %v", serials, want)
	}
	if after := w.counts(); after != before || len(w.statuses()) != 0 {
		t.Errorf("got %+v after %+v", after, before)
	}
}

func TestADryRunThatTakesTooLongTellsWhatItHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report("S1", 1)
	check := compliance.Check{SourceName: "alpha", Expression: "`true`"}
	got := must(w.DryRun(t.Context(), commit.DryRun{Check: check, Most: 7, Limit: time.Nanosecond}))(t)
	if got.Complete || got.Evaluated() != 0 {
		t.Errorf("got %+v", got)
	}
}

// Of two heads that a machine has from sources of one name, one stands for it: the machine has one status.
func TestAMachineOfTwoSourcesOfOneNameCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report("S1", 1)
	must(w.Submit(t.Context(), w.tree(`{"source":{"module":"other","name":"ALPHA"},"serial_number":"S1","os_version":{"name":"Debian","major":2}}`)))(t)
	check := w.check("new", "os_version.major == `2`", alpha)
	got := must(w.DryRun(t.Context(), commit.DryRun{Check: check, Most: 7, Limit: time.Minute}))(t)
	if got.Evaluated() != 1 || got.Statuses[ok] != 1 {
		t.Errorf("dry run: got %+v", got)
	}
	if err := w.EvaluateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	w.hasStatuses("evaluated", map[string]status{"new": {ok, 1}})
}
