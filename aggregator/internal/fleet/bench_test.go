// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
)

// machines of the benchmarks: enough that caches do not hold what one of them needs.
const benched = 1000

func benchFleet(b *testing.B) *fleet.Fleet {
	b.Helper()
	f, err := fleet.New(fleet.Options{Machines: benched, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for i := range benched { // the catalogue knows the releases from here on
		if _, err := f.Machine(i).Sections(30); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

func BenchmarkSections(b *testing.B) {
	f := benchFleet(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := f.Machine(i % benched).Sections(30); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRoot(b *testing.B) {
	f := benchFleet(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := f.Machine(i % benched).Root(30); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	f := benchFleet(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Machine(i % benched).Next(30)
	}
}

func BenchmarkEvidence(b *testing.B) {
	f := benchFleet(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Machine(i % benched).Evidence()
	}
}

// BenchmarkNew is what a fleet costs before its first machine, the catalogue apart.
func BenchmarkNew(b *testing.B) {
	fleet.Compact()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fleet.New(fleet.Options{Machines: benched, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
