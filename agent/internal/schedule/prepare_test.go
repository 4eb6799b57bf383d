// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

func TestEveryStateOfACollectionHasItsPlace(t *testing.T) {
	t.Parallel()
	p, troubles := Prepare(collect.Report{
		Snapshot: sample(),
		Sections: map[string]collect.State{
			"deb_packages": collect.Set, "rpm_packages": collect.Set, "disks": collect.Keep, "users": collect.Drop,
			snapshot.KindInstallTimes: collect.Set,
		},
		Troubles: []collect.Trouble{{Collector: "disks", Err: errors.New("no")}},
	})
	if len(p.Set["deb_packages"].Assets) != 2 || len(p.Set["rpm_packages"].Assets) != 0 || !p.Keep["disks"] {
		t.Errorf("got %v, keep %v", p.Set, p.Keep)
	}
	if p.Set["users"] != nil || p.Keep["users"] || len(troubles) != 1 {
		t.Errorf("got users %v, troubles %v", p.Set["users"], troubles)
	}
	if times := p.Set[snapshot.KindInstallTimes]; times == nil || len(times.Assets) == 0 {
		t.Errorf("got install times %v", times)
	}
	if got := packages(p); got != 2 {
		t.Errorf("packages: got %d, want 2", got)
	}
}

func TestInstallTimesAreKeptWithAPackageKindThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	snap := sample()
	snap.RpmPackages = []*inventoryv1.RpmPackage{{Name: proto.String("b\xff")}}
	p, troubles := Prepare(collect.Report{Snapshot: snap, Sections: map[string]collect.State{
		"deb_packages": collect.Set, "rpm_packages": collect.Set, snapshot.KindInstallTimes: collect.Set,
	}})
	if p.Set[snapshot.KindInstallTimes] != nil || !p.Keep[snapshot.KindInstallTimes] || len(troubles) != 1 {
		t.Errorf("got %v and %v, want install times kept and one trouble", p.Set[snapshot.KindInstallTimes], troubles)
	}
}

func TestAFactThatCannotBeWrittenHoldsUpItsOwnKindAlone(t *testing.T) {
	t.Parallel()
	snap := sample()
	snap.Disks = []*inventoryv1.Disk{{Name: proto.String("sd\xff")}}
	p, troubles := Prepare(collect.Report{
		Snapshot: snap,
		Sections: map[string]collect.State{"deb_packages": collect.Set, "disks": collect.Set},
	})
	if len(p.Set["deb_packages"].Assets) != 2 || !p.Keep["disks"] || p.Set["disks"] != nil {
		t.Errorf("got %v, keep %v, want packages set and disks kept", p.Set, p.Keep)
	}
	if len(troubles) != 1 || troubles[0].Collector != "disks" {
		t.Errorf("got troubles %v, want one of disks", troubles)
	}
}

func TestOnlyNewsAreTold(t *testing.T) {
	t.Parallel()
	vitals := func(free int64) *syncv1.Vitals {
		return &syncv1.Vitals{BootTimeUnix: 1000, UptimeSeconds: free, Filesystems: []*syncv1.FilesystemUse{
			{MountPoint: "/", SizeBytes: 1000, FreeBytes: free},
		}}
	}
	health := HealthOf(nil, nil, 0, "grpc", "1")
	v, h := told{}.news(vitals(500), health)
	if v == nil || h == nil {
		t.Fatal("the first check-in tells nothing")
	}
	now := told{}.after(v, h)
	if v, h := now.news(vitals(495), health); v != nil || h != nil {
		t.Errorf("half a hundredth: got %v, %v", v, h)
	}
	if v, _ := now.news(vitals(480), health); v == nil {
		t.Error("two hundredths: got no vitals")
	}
	if _, h := now.news(vitals(500), HealthOf(nil, nil, 0, "connect", "1")); h == nil {
		t.Error("another transport: got no health")
	}
	for range vitalsEvery - 1 {
		now = now.after(nil, nil)
	}
	if v, _ := now.news(vitals(500), health); v == nil {
		t.Errorf("the check-in after %d silent ones tells no vitals", vitalsEvery-1)
	}
}

func sample() *inventoryv1.Snapshot {
	return &inventoryv1.Snapshot{DebPackages: []*inventoryv1.DebPackage{
		{Name: proto.String("bash"), InstallTime: proto.String("2026-01-02T03:04:05")},
		{Name: proto.String("dash")},
	}}
}
