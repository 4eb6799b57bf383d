// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// machineWith returns a snapshot with n packages, each with an install time.
func machineWith(n int) *inventoryv1.Snapshot {
	s := &inventoryv1.Snapshot{}
	first := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	for i := range n {
		s.DebPackages = append(s.DebPackages, &inventoryv1.DebPackage{
			Name: proto.String(fmt.Sprintf("libexample%d", i)), Version: proto.String("1.20.1-2+deb12u3"),
			Source: proto.String("example"), Arch: proto.String("amd64"), Revision: proto.String("2+deb12u3"),
			Status: proto.String("install ok installed"), Maintainer: proto.String("An Example <a@example.org>"),
			Section: proto.String("libs"), Priority: proto.String("optional"), Size: proto.Int64(435),
			SourceVersion: proto.String("1.20.1-2+deb12u3"), Summary: proto.String("an example, in thousands of copies"),
			Purl:        proto.String(fmt.Sprintf("pkg:deb/debian/libexample%d@1.20.1-2%%2Bdeb12u3?arch=amd64", i)),
			InstallTime: proto.String(first.Add(time.Duration(i) * time.Minute).Format(datetimeLayout)),
		})
	}
	return s
}

// digestsOf returns n digests, ascending.
func digestsOf(n int) []asset.Digest {
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = fmt.Appendf(nil, `{"name":"p%d"}`, i)
	}
	return NewSection("deb_packages", rows).Digests()
}

func BenchmarkSplit2000Packages(b *testing.B) {
	s := machineWith(2000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Split(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest2100(b *testing.B) {
	digests := digestsOf(2100)
	b.ReportAllocs()
	for b.Loop() {
		Digest("deb_packages", digests)
	}
}

func BenchmarkApplyFourOf2100(b *testing.B) {
	digests := digestsOf(2104)
	before, added := digests[4:], digests[:4]
	removed := []asset.ID{before[7].ID(), before[700].ID(), before[1700].ID(), before[2000].ID()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Apply(before, removed, added); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiff2100(b *testing.B) {
	digests := digestsOf(2104)
	before, after := digests[4:], digests[:2100]
	b.ReportAllocs()
	for b.Loop() {
		Diff(before, after)
	}
}
