// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"fmt"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Statuses are stored for many heads at once, but a machine has one status, whichever of its sources it is from.
func TestANewCheckIsEvaluatedOnEveryHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const machines = 120 // more than are stored together
	for i := range machines {
		for _, module := range []string{"one", "other"} {
			must(w.Submit(t.Context(), w.tree(fmt.Sprintf(
				`{"source":{"module":%q,"name":"alpha"},"serial_number":"S%d","os_version":{"name":"Debian","major":%d}}`, module, i, i%2))))(t)
		}
	}
	check := w.check("odd", "os_version.major == `1`", func(c *compliance.Check) { c.SourceName = "alpha" })
	if err := w.EvaluateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	stored := must(w.store.ListStatuses(t.Context(), check.ID, "", 2*machines))(t)
	counts := map[compliance.Status]int{}
	for _, s := range stored {
		counts[s.Status]++
	}
	if counts[ok] != machines/2 || counts[failed] != machines/2 || len(stored) != machines {
		t.Errorf("got %v", counts)
	}
}

// BenchmarkEvaluateCheck measures a new check over the stored fleet, per machine of 2,100 packages.
func BenchmarkEvaluateCheck(b *testing.B) {
	const machines = 200
	w, trips := countedWorld(b)
	for i := range machines {
		w.agent(fmt.Sprint("S", i)).becomes(upgraded(i % 20))
	}
	for name, expression := range map[string]string{
		"ByName":    "length(deb_packages[?name=='package-0001']) > `0`",
		"AllRows":   "length(deb_packages[?starts_with(name, 'bash')]) > `0`",
		"SmallFact": "length(disks) > `0`",
	} {
		b.Run(name, func(b *testing.B) {
			before := trips.n.Load()
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				check := w.check(fmt.Sprint(name, b.N, " ", n), expression)
				if err := w.EvaluateCheck(b.Context(), check); err != nil {
					b.Fatal(err)
				}
			}
			evaluations := float64(machines * b.N)
			b.ReportMetric(float64(b.Elapsed().Milliseconds())*1000/evaluations, "ms/1000-machines")
			b.ReportMetric(float64(trips.n.Load()-before)/evaluations, "round-trips/machine")
		})
	}
}
