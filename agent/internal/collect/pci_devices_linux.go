// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"path"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "pci_devices", CollectFiles: collectPCIDevices}) }

const pciFolder = "sys/bus/pci/devices"

// pciLists are the places where distributions put the names of PCI devices.
var pciLists = []string{"usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"}

// collectPCIDevices lists the functions on the PCI bus. Virtual functions that a device makes of itself are left out:
// they come and go with what uses them.
//
// Source: Documentation/ABI/testing/sysfs-bus-pci in the Linux kernel; the distribution's pci.ids for names.
func collectPCIDevices(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	entries, err := fs.ReadDir(h.FS(), pciFolder)
	if err != nil {
		return absent(err)
	}
	ids := map[hardwareID]bool{}
	for _, e := range entries {
		folder := pciFolder + "/" + e.Name()
		if exists(h, folder+"/physfn") {
			continue
		}
		d := pciDeviceOf(h, e.Name(), folder)
		if d.VendorId == nil {
			continue // gone since the folder was read
		}
		ids[hardwareID{d.GetVendorId(), d.GetDeviceId()}] = true
		snap.PciDevices = append(snap.PciDevices, d)
	}
	if len(ids) == 0 {
		return ErrAbsent
	}
	names, err := nameHardware(h, files, pciLists, ids)
	if err != nil {
		return err
	}
	for _, d := range snap.PciDevices {
		d.Vendor = fact(names.vendors[d.GetVendorId()])
		d.Name = fact(names.devices[hardwareID{d.GetVendorId(), d.GetDeviceId()}])
	}
	return nil
}

// pciDeviceOf reads one function.
func pciDeviceOf(h host.Host, slot, folder string) *inventoryv1.PciDevice {
	hex := func(file string) string { return strings.TrimPrefix(peek(h, folder+"/"+file), "0x") }
	d := &inventoryv1.PciDevice{
		Slot: fact(slot), Class: fact(hex("class")), VendorId: fact(hex("vendor")), DeviceId: fact(hex("device")),
		Revision: fact(hex("revision")),
	}
	if sub := hex("subsystem_vendor"); strings.Trim(sub, "0") != "" {
		d.SubsystemVendorId, d.SubsystemDeviceId = fact(sub), fact(hex("subsystem_device"))
	}
	if driver, err := fs.ReadLink(h.FS(), folder+"/driver"); err == nil {
		d.Driver = fact(path.Base(driver))
	}
	return d
}
