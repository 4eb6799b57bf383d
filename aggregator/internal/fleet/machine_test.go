// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

func TestMachinesHaveRealisticCounts(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 400, Seed: 4})
	linux, packages, others := 0, 0, 0
	for i := range f.Len() {
		m := f.Machine(i)
		s := sectionsOf(t, m, 0)
		switch m.Platform {
		case "LINUX":
			n := len(s["deb_packages"].Assets)
			if n < 1900 || n > 2150 {
				t.Errorf("machine %d (%s) has %d packages, want 1,900 to 2,150", i, m.Role, n)
			}
			linux++
			packages += n
			for _, kind := range slices.Sorted(maps.Keys(s)) {
				if kind != "deb_packages" && kind != snapshot.KindInstallTimes {
					others += len(s[kind].Assets)
				}
			}
		case "WINDOWS":
			if n := len(s["program_instances"].Assets); n < 200 || n > 400 {
				t.Errorf("machine %d (%s) has %d programs, want 200 to 400", i, m.Role, n)
			}
		case "MACOS":
			if n := len(s["osx_app_instances"].Assets); n < 200 || n > 420 {
				t.Errorf("machine %d (%s) has %d applications, want 200 to 400", i, m.Role, n)
			}
		}
	}
	if mean := packages / linux; mean < 1960 || mean > 2050 {
		t.Errorf("mean of %d packages, want about 2,000", mean)
	}
	if mean := others / linux; mean < 85 || mean > 120 {
		t.Errorf("mean of %d other assets, want about 100", mean)
	}
}

func TestFleetIsMixed(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 20_000, Seed: 1})
	got := map[string]int{}
	for i := range f.Len() {
		m := f.Machine(i)
		got[m.Platform]++
		got[fmt.Sprint("ring ", m.Ring)]++
		for name, is := range map[string]bool{"ec2": m.EC2, "straggler": m.Straggler} {
			if is {
				got[name]++
			}
		}
		if _, ok := normal.Identity(m.Evidence()); !ok {
			t.Fatalf("machine %d has no identity", i)
		}
		if cloud := m.Evidence().GetCloudInstanceId() != ""; cloud != m.EC2 {
			t.Fatalf("machine %d: cloud instance id %v, in EC2 %v", i, cloud, m.EC2)
		}
	}
	want := map[string]int{ // of 1,000
		"LINUX": 800, "WINDOWS": 120, "MACOS": 80, "ring 0": 50, "ring 1": 150, "ring 2": 300, "ring 3": 500, "ec2": 100, "straggler": 20,
	}
	for name, n := range want {
		if share := got[name] * 1000 / f.Len(); share < n*8/10 || share > n*12/10 {
			t.Errorf("%s: %d of 1,000 machines, want about %d", name, share, n)
		}
	}
}

func TestSerialsAreUnique(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 50_000, Seed: 1})
	seen := make(map[string]int, f.Len())
	for i := range f.Len() {
		serial, _ := normal.Identity(f.Machine(i).Evidence())
		if before, twice := seen[serial]; twice {
			t.Fatalf("machines %d and %d are both %s", before, i, serial)
		}
		seen[serial] = i
	}
}

func TestCloneIsItsOriginalUnderAnotherName(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 500, Seed: 1, Clones: 1000})
	if f.Len() != 550 {
		t.Fatalf("%d machines, want 500 and 50 clones", f.Len())
	}
	originals := map[int]bool{}
	for i := 500; i < f.Len(); i++ {
		clone := f.Machine(i)
		if clone.CloneOf < 0 || clone.CloneOf >= 500 || originals[clone.CloneOf] {
			t.Fatalf("machine %d is a clone of %d, want one of the 500 machines that has no other clone", i, clone.CloneOf)
		}
		originals[clone.CloneOf] = true
		original := f.Machine(clone.CloneOf)
		if original.CloneOf != -1 || !proto.Equal(clone.Evidence(), original.Evidence()) {
			t.Errorf("clone %d has another evidence than its original", i)
		}
		a, b := sectionsOf(t, clone, 3), sectionsOf(t, original, 3)
		for _, kind := range []string{"deb_packages", "program_instances", "osx_app_instances", "disks"} {
			if a[kind] != nil && a[kind].Digest() != b[kind].Digest() {
				t.Errorf("clone %d has other %s than its original", i, kind)
			}
		}
		for _, kind := range []string{"system_info", "network_interfaces"} {
			if a[kind].Digest() == b[kind].Digest() {
				t.Errorf("clone %d has the %s of its original", i, kind)
			}
		}
	}
}

func TestLaptopsSleep(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 500, Seed: 1})
	for i := range f.Len() {
		m := f.Machine(i)
		awake := 0
		for minute := range 24 * 60 {
			if m.Awake(minute) {
				awake++
			}
		}
		if m.Laptop && (awake < 5*60 || awake > 11*60) || !m.Laptop && awake != 24*60 {
			t.Errorf("machine %d, laptop %v: awake for %d minutes", i, m.Laptop, awake)
		}
	}
}
