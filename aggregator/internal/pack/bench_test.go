// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"slices"
	"testing"
)

// usualRows are the rows of a machine with 2,100 packages whose tail holds 64 entries.
func usualRows(b *testing.B) []Row {
	ids := make([]int64, 2100)
	for i := range ids {
		ids[i] = int64(100_000 + 17*i)
	}
	rows := table{}
	now := Sections{"deb_packages": sharedSection("deb_packages", slices.Clone(ids)...)}
	commit(b.Fatalf, rows, Sections{}, now)
	for i := range 32 {
		ids[40*i] = int64(1_000_000 + i)
		after := Sections{"deb_packages": sharedSection("deb_packages", slices.Clone(ids)...)}
		commit(b.Fatalf, rows, now, after)
		now = after
	}
	if len(rows["deb_packages"].Tail) < 200 {
		b.Fatalf("tail of %d bytes", len(rows["deb_packages"].Tail))
	}
	return rows.rows()
}

func BenchmarkFold2100WithTail(b *testing.B) {
	rows := usualRows(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fold(rows); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeDeltas(b *testing.B) {
	tests := []struct {
		name   string
		deltas []Delta
	}{
		{"FourPackages", []Delta{Diff(sharedSection("deb_packages", 1, 2, 3, 4), sharedSection("deb_packages", 11, 12, 13, 14))}},
		{"PrivateFacts", []Delta{Diff(privateSection("disks", 100, 1, 2), privateSection("disks", 100, 3, 4))}},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				EncodeDeltas(test.deltas)
			}
			b.ReportMetric(float64(len(EncodeDeltas(test.deltas))), "B/change")
		})
	}
}

func BenchmarkDiff2100(b *testing.B) {
	before, err := Fold(usualRows(b))
	if err != nil {
		b.Fatal(err)
	}
	after := *before["deb_packages"]
	after.IDs = append(slices.Clone(after.IDs[4:]), 2_000_000)
	b.ReportAllocs()
	for b.Loop() {
		Diff(before["deb_packages"], &after)
	}
}
