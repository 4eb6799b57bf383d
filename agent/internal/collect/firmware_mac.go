// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// The firmware comes with the system: as long as that has not changed nothing is asked again.
func init() {
	if !onMac {
		return
	}
	mac := []string{"darwin"}
	register(Collector{Name: "bios", On: mac, Collect: collectMacBios, Sources: macVersions})
	register(Collector{Name: "board", On: mac, Collect: collectMacBoard, Sources: macVersions})
	register(Collector{Name: "batteries", On: mac, Collect: collectMacBatteries})
}

// collectMacBios reads the version of what starts the system on a processor of Apple; that of an Intel Mac is elsewhere
// and not read.
//
// Source: the entry /chosen of the device tree.
func collectMacBios(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	chosen, err := programDict(ctx, h, host.BootChosen)
	if err != nil {
		return absent(err)
	}
	version := cmp.Or(chosen.Text("system-firmware-version"), chosen.Text("firmware-version"))
	if version == "" {
		return ErrAbsent
	}
	snap.Bios = &inventoryv1.Bios{Vendor: proto.String("Apple Inc."), Version: fact(version)}
	return nil
}

// collectMacBoard reads which board it is: by Apple's number on an Intel Mac, by its code name on others.
//
// Source: the registry entry IOPlatformExpertDevice.
func collectMacBoard(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	entry, err := programDict(ctx, h, host.PlatformExpert)
	if err != nil {
		return absent(err)
	}
	name := cmp.Or(entry.Text("board-id"), entry.Text("target-type"))
	if name == "" {
		return ErrAbsent
	}
	snap.Board = &inventoryv1.Board{
		Vendor: fact(cmp.Or(entry.Text("manufacturer"), "Apple Inc.")), Name: fact(name), Serial: fact(entry.Text("mlb-serial-number")),
	}
	return nil
}

// collectMacBatteries reads the battery of a notebook. Its design capacity is told in mAh without a voltage, and is left
// out; so is everything about its charge.
//
// Source: the registry entry AppleSmartBattery.
func collectMacBatteries(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	entry, err := programDict(ctx, h, host.Battery)
	if err != nil {
		return absent(err)
	}
	snap.Batteries = append(snap.Batteries, &inventoryv1.Battery{
		Name: proto.String("InternalBattery-0"), Vendor: fact(entry.Text("Manufacturer")), Model: fact(entry.Text("DeviceName")),
		Serial: fact(cmp.Or(entry.Text("Serial"), entry.Text("BatterySerialNumber"))), CycleCount: entry.Int("CycleCount"),
	})
	return nil
}
