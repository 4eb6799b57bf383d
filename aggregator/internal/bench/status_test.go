// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// BenchmarkStatus measures what checks add to one upgraded package on a machine with 2,000: below the protocol, as in
// BenchmarkPeer. Checks that read something else must add nothing.
func BenchmarkStatus(b *testing.B) {
	packages := func(i int) string {
		name := machinePackage(i * distinctPackages / 100).GetName()
		return fmt.Sprintf("length(deb_packages[?name=='%s' && version!='0']) > `0`", name)
	}
	others := func(i int) string { return fmt.Sprintf("length(partitions) > `%d`", i) }
	var none time.Duration
	tests := []struct {
		name       string
		checks     int
		expression func(i int) string
	}{
		{"no-checks", 0, nil},
		{"20-checks-of-partitions", 20, others},
		{"1-check-of-packages", 1, packages},
		{"20-checks-of-packages", 20, packages},
		{"100-checks-of-packages", 100, packages},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			program := benchmarkStatus(b, test.checks, test.expression)
			if test.checks == 0 {
				none = program
			} else if none > 0 {
				b.ReportMetric(float64((program-none).Microseconds())/float64(test.checks), "µs-more/check")
			}
		})
	}
}

// benchmarkStatus returns this process's CPU time of one change.
func benchmarkStatus(b *testing.B, checks int, expression func(i int) string) time.Duration {
	b.Helper()
	ours, our := startOurs(b)
	for i := range checks {
		_, err := our.store.CreateCheck(b.Context(), compliance.Check{
			Name: fmt.Sprint("check ", i), SourceName: our.source.Name, Expression: expression(i),
		})
		must(b, err)
	}
	m := &twin{inventory: machineOf(1)}
	report := func() {
		sections := sectionsOf(b, m.inventory)
		m.stamp.Counter++
		push := our.pushOf(serialOf(1), m.stamp, m.sections, sections)
		ours.spend(b, func() error { return our.commit(b.Context(), push, sections) })
		m.sections = sections
	}
	m.stamp.Instance = []byte("0123456789abcdef")
	report()
	m.upgrade(b, packagesPerMachine-1, 2)
	report() // what follows sees warm caches
	before := ours.usage(b)
	for i := 0; b.Loop(); i++ {
		m.upgrade(b, i%packagesPerMachine, 3+i/packagesPerMachine)
		report()
	}
	spent := ours.usage(b).minus(before)
	b.ReportMetric(0, "ns/op") // most of it is the machine's side
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(per(spent.aggregator), "program-ms/op")
	b.ReportMetric(per(spent.postgres), "pg-ms/op")
	b.ReportMetric(float64(spent.walBytes)/1024/float64(b.N), "wal-KB/op")
	return spent.aggregator / time.Duration(b.N)
}
