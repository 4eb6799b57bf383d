// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	packagesPerMachine = 2000
	distinctPackages   = 12_000 // of the synthetic distribution
)

// machineOf returns the inventory of a synthetic machine: 2,000 packages of one distribution with the times they were
// installed at in some 40 batches, and 100 facts of its own.
func machineOf(number int) *inventoryv1.Snapshot {
	rng := rand.New(rand.NewPCG(uint64(number), 1))
	s := &inventoryv1.Snapshot{
		SystemInfo: &inventoryv1.SystemInfo{
			ComputerName: proto.String(fmt.Sprintf("host-%05d", number)), Hostname: proto.String(fmt.Sprintf("host-%05d", number)),
			HardwareModel: proto.String("PowerEdge R650"), HardwareSerial: proto.String(serialOf(number)),
			CpuLogicalCores: proto.Int64(32), PhysicalMemory: proto.Int64(128 << 30),
		},
		OsVersion: &inventoryv1.OSVersion{Name: proto.String("Debian GNU/Linux"), Major: proto.Int64(12), Minor: proto.Int64(11)},
	}
	installed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for i, n := range rng.Perm(distinctPackages)[:packagesPerMachine] {
		at := installed.Add(time.Duration(i/50)*37*time.Hour + time.Duration(i%50)*3*time.Second).Truncate(time.Minute)
		s.DebPackages = append(s.DebPackages, debPackage(n, 1, at))
	}
	for i := range 40 {
		s.Users = append(s.Users, &inventoryv1.User{
			Name: proto.String(fmt.Sprintf("user%d-%d", number, i)), Uid: proto.Int64(int64(1000 + i)),
		})
	}
	for i := range 20 {
		s.NetworkInterfaces = append(s.NetworkInterfaces, &inventoryv1.NetworkInterface{
			Interface: proto.String(fmt.Sprintf("eth%d", i)), Mac: proto.String(fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", number>>8&255, number&255, i, rng.IntN(256))),
			Address: proto.String(fmt.Sprintf("10.%d.%d.%d", number>>8&255, number&255, i+1)),
		})
	}
	for i := range 40 {
		s.Partitions = append(s.Partitions, &inventoryv1.Partition{Name: proto.String(fmt.Sprintf("sda%d", i)), Size: proto.Int64(rng.Int64N(1 << 40))})
	}
	return s
}

// debPackage returns a package of the synthetic distribution with fields as long as real ones.
func debPackage(number, release int, at time.Time) *inventoryv1.DebPackage {
	name := fmt.Sprintf("lib%c%s-%d", 'a'+rune(number%26), []string{"core", "dev", "perl", "python3", "gtk", "net"}[number%6], number)
	version := fmt.Sprintf("%d.%d.%d-%d+deb12u%d", number%9, number%31, number%7, number%4+1, release)
	return &inventoryv1.DebPackage{
		Name: &name, Version: &version, Source: proto.String("src-" + name), Arch: proto.String("amd64"),
		Revision: proto.String(fmt.Sprintf("%d+deb12u%d", number%4+1, release)), Status: proto.String("install ok installed"),
		Maintainer: proto.String("Debian Maintainers of " + name + " <pkg-" + name + "@lists.example.org>"),
		Section:    proto.String("libs"), Priority: proto.String("optional"), Size: proto.Int64(int64(number * 3)),
		SourceVersion: &version, Homepage: proto.String("https://www.example.org/" + name),
		Summary:     proto.String("shared library that does the work of " + name),
		Purl:        proto.String("pkg:deb/debian/" + name + "@" + version + "?arch=amd64&distro=debian-12"),
		InstallTime: proto.String(normal.Datetime(at)),
	}
}

func serialOf(number int) string { return fmt.Sprintf("BENCH%06d", number) }

// upgrade replaces one package of the machine by a newer version.
func upgrade(s *inventoryv1.Snapshot, position, release int) {
	number := 0
	if _, err := fmt.Sscanf(s.DebPackages[position].GetName()[len("lib")+1:], "core-%d", &number); err != nil {
		number = position // the name only has to be one of the distribution's
	}
	s.DebPackages[position] = debPackage(number, release, time.Date(2026, 11, 1, 0, 0, release, 0, time.UTC))
}

func sectionsOf(b *testing.B, s *inventoryv1.Snapshot) snapshot.Sections {
	b.Helper()
	sections, err := snapshot.Split(s)
	must(b, err)
	return sections
}

// machinePackage returns a package as machines have it that never upgraded.
func machinePackage(number int) *inventoryv1.DebPackage {
	return debPackage(number, 1, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
}

// dropInstallTimes takes away what makes a package's row differ from machine to machine, to see what it costs.
func dropInstallTimes(s *inventoryv1.Snapshot) {
	for _, p := range s.DebPackages {
		p.InstallTime = nil
	}
}
