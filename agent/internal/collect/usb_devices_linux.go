// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "usb_devices", CollectFiles: collectUSBDevices}) }

const usbFolder = "sys/bus/usb/devices"

// usbLists are the places where distributions put the names of USB devices.
var usbLists = []string{"usr/share/misc/usb.ids", "usr/share/hwdata/usb.ids", "var/lib/usbutils/usb.ids"}

// collectUSBDevices lists what hangs on the USB. The hubs of the host controllers (usb1, usb2 …) are left out.
//
// Source: Documentation/ABI/testing/sysfs-bus-usb in the Linux kernel; the device's own descriptors for names, and the
// distribution's usb.ids for devices that have none.
func collectUSBDevices(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	entries, err := fs.ReadDir(h.FS(), usbFolder)
	if err != nil {
		return absent(err)
	}
	ids := map[hardwareID]bool{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "usb") || strings.Contains(e.Name(), ":") { // with a colon: an interface
			continue
		}
		d := usbDeviceOf(h, usbFolder+"/"+e.Name())
		if d == nil {
			continue
		}
		ids[hardwareID{d.GetVendorId(), d.GetProductId()}] = true
		snap.UsbDevices = append(snap.UsbDevices, d)
	}
	names, err := nameHardware(h, files, usbLists, ids)
	if err != nil {
		return err
	}
	for _, d := range snap.UsbDevices {
		if d.Vendor == nil {
			d.Vendor = fact(names.vendors[d.GetVendorId()])
		}
		if d.Name == nil {
			d.Name = fact(names.devices[hardwareID{d.GetVendorId(), d.GetProductId()}])
		}
	}
	return nil
}

// usbDeviceOf reads one device; nil for one that went since the folder was read.
func usbDeviceOf(h host.Host, folder string) *inventoryv1.UsbDevice {
	vendor, product := peek(h, folder+"/idVendor"), peek(h, folder+"/idProduct")
	if vendor == "" || product == "" {
		return nil
	}
	d := &inventoryv1.UsbDevice{
		VendorId: fact(vendor), ProductId: fact(product), Vendor: fact(strings.TrimSpace(peek(h, folder+"/manufacturer"))),
		Name: fact(strings.TrimSpace(peek(h, folder+"/product"))), Serial: fact(strings.TrimSpace(peek(h, folder+"/serial"))),
		Version: fact(usbVersion(peek(h, folder+"/bcdDevice"))),
	}
	class := peek(h, folder+"/bDeviceClass")
	if class == "00" { // each interface says it for itself
		class = firstOf(peek(h, folder+":1.0/bInterfaceClass"), class)
	}
	d.Class = fact(class)
	switch peek(h, folder+"/removable") {
	case "removable":
		d.Removable = proto.Bool(true)
	case "fixed":
		d.Removable = proto.Bool(false)
	}
	return d
}

// usbVersion spells four decimal digits in binary code as people do: 0110 is 1.10.
func usbVersion(bcd string) string {
	if len(bcd) != 4 {
		return ""
	}
	major := strings.TrimLeft(bcd[:2], "0")
	return firstOf(major, "0") + "." + bcd[2:]
}
