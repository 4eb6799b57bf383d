// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"io"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

func BenchmarkFull(b *testing.B) {
	const machines, packages = 200, 2000
	s := fleet(b, machines, packages)
	b.ReportAllocs()
	for b.Loop() {
		if err := (&export.Full{}).Write(b.Context(), s, export.Output{Writer: io.Discard, Folder: b.TempDir()}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(machines*packages*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkMachineInventory(b *testing.B) {
	const machines = 2000
	s := fleet(b, machines, 1)
	filter, err := export.ParseMachineFilter(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e := &export.MachineInventory{Format: "zip", Filter: filter}
		if err := e.Write(b.Context(), s, export.Output{Writer: io.Discard, Folder: b.TempDir()}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(machines*b.N)/b.Elapsed().Seconds(), "rows/s")
}
