// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsTellHowTheIndexIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	for _, serial := range []string{"A", "B"} {
		a.mustPush(report{serial: serial, source: "alpha", sections: debs(deb("bash", "5"), deb("curl", "8"))})
	}
	must(a.store.Archive(t.Context(), []string{"B"}))(t)

	registry := prometheus.NewPedanticRegistry()
	x := New(a.store, Options{Registerer: registry, Log: slog.New(slog.DiscardHandler)})
	problems := must(testutil.GatherAndLint(registry))(t)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	expect := func(want map[string]float64) {
		t.Helper()
		got := map[string]float64{}
		for _, family := range must(registry.Gather())(t) {
			got[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue() + family.GetMetric()[0].GetCounter().GetValue()
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: got %v, want %v", name, got[name], value)
			}
		}
	}
	expect(map[string]float64{"rollcall_index_building_progress": 0, "rollcall_index_heads": 0})
	x.rebuild(t.Context())
	x.everyMinute(t.Context())
	expect(map[string]float64{
		"rollcall_index_building_progress": 1, "rollcall_index_heads": 2, "rollcall_index_assets": 2,
		"rollcall_index_checked_machines_total": 2, "rollcall_index_mismatches_total": 0,
	})
}

// TestForgottenIndexIsBuiltOfWhatIsThere puts another state of the database behind the index's back, as a restore does.
func TestForgottenIndexIsBuiltOfWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.running()
	if err := a.store.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, serial := range []string{"A", "B", "C"} {
		a.mustPush(report{serial: serial, source: "alpha", sections: debs(deb("bash", "5"))})
	}
	a.fresh()
	w.exec("DELETE FROM head WHERE machine = (SELECT id FROM machine WHERE serial_number = 'B')")
	w.exec("DELETE FROM journal")
	a.fresh()
	if got := must(a.Counts())(t); got.Heads != 3 {
		t.Fatalf("got %d heads before anybody told the index", got.Heads)
	}
	a.Forget()
	a.fresh()
	a.agrees("built anew")
	if got := a.find("", "", 9); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}
