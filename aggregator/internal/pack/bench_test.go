// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
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

// usualTimes are install times of a machine with 2,000 packages, and what they are after another upgrade each.
func usualTimes(upgrades int) []*Section {
	buckets := make([][]int64, 256)
	for i := range 2000 {
		n := i * 7919 % 256
		buckets[n] = append(buckets[n], 1_600_000_020+int64(i/40)*86_400)
	}
	steps := make([]*Section, upgrades+1)
	for i := range steps {
		s := &Section{Kind: snapshot.KindInstallTimes}
		for n, times := range buckets {
			f := timesFact{Kind: "deb_packages", Bucket: fmt.Sprintf("%02x", n), Times: times}
			s.Facts = append(s.Facts, fact(s.Kind, f.body()))
		}
		slices.SortFunc(s.Facts, compareFacts)
		steps[i] = sealed(s)
		from, to := i*31%256, i*57%256
		buckets[from] = slices.Delete(slices.Clone(buckets[from]), 1, 2)
		buckets[to] = slices.Insert(slices.Clone(buckets[to]), 2, 1_700_000_040+int64(i)*3600)
	}
	return steps
}

// BenchmarkOneUpgradeOfInstallTimes is what a commit does with install times: it folds them, compares, and plans what
// to write. Every so many upgrades that is a new base.
func BenchmarkOneUpgradeOfInstallTimes(b *testing.B) {
	steps := usualTimes(100)
	rows := table{}
	bases, written := 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % (len(steps) - 1)
		if at == 0 {
			rows[snapshot.KindInstallTimes] = Row{Kind: snapshot.KindInstallTimes, Base: storedBase(steps[0]), Digest: steps[0].Digest[:]}
		}
		before, err := Fold(rows.rows())
		if err != nil {
			b.Fatal(err)
		}
		deltas := []Delta{Diff(before[snapshot.KindInstallTimes], steps[at+1])}
		plan := NewPlan(rows.rows(), Sections{snapshot.KindInstallTimes: steps[at+1]}, deltas)
		rows.apply(b.Fatalf, plan)
		bases += len(plan.Upsert)
		written += len(EncodeDeltas(deltas))
	}
	b.ReportMetric(float64(written)/float64(b.N), "B/change")
	b.ReportMetric(float64(b.N)/float64(bases+1), "changes/base")
}
