// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "pci_devices", On: []string{"windows"}, Collect: collectWindowsPCI})
	register(Collector{Name: "usb_devices", On: []string{"windows"}, Collect: collectWindowsUSB})
	register(Collector{Name: "monitors", On: []string{"windows"}, Collect: collectWindowsMonitors})
}

// keyEnum has a key for every device that was ever plugged in.
const keyEnum = `HKLM\SYSTEM\CurrentControlSet\Enum`

// The names of devices, their places, and their classes.
//
// Source: "Device identification strings" in Microsoft's documentation.
var (
	pciName  = regexp.MustCompile(`(?i)^VEN_([0-9a-f]{4})&DEV_([0-9a-f]{4})(?:&SUBSYS_([0-9a-f]{4})([0-9a-f]{4}))?(?:&REV_([0-9a-f]{2}))?`)
	usbName  = regexp.MustCompile(`(?i)^VID_([0-9a-f]{4})&PID_([0-9a-f]{4})$`)
	pciPlace = regexp.MustCompile(`\((\d+),(\d+),(\d+)\)$`)
	pciWords = regexp.MustCompile(`PCI bus (\d+), device (\d+), function (\d+)$`)
	pciClass = regexp.MustCompile(`(?i)&CC_([0-9a-f]{6})`)
	usbClass = regexp.MustCompile(`(?i)Class_([0-9a-f]{2})`)
	usbLevel = regexp.MustCompile(`(?i)&REV_([0-9a-f]{2})([0-9a-f]{2})`)
)

// device is one plugged-in device: the parts of its name, and its values.
type device struct {
	id, instance string
	key          string
	values       regValues
}

// devicesOn lists the devices on a bus; ErrAbsent when there are none.
func devicesOn(h host.Host, bus string) (winRegistry, []device, error) {
	r, err := registryOf(h)
	if err != nil {
		return r, nil, err
	}
	names, err := h.Devices()
	if err != nil {
		return r, nil, err
	}
	var found []device
	for _, name := range names {
		parts := strings.SplitN(name, `\`, 3)
		if len(parts) == 3 && strings.EqualFold(parts[0], bus) {
			key := keyEnum + `\` + name
			found = append(found, device{id: parts[1], instance: parts[2], key: key, values: r.peek(key)})
		}
	}
	if len(found) == 0 {
		return r, nil, ErrAbsent
	}
	return r, found, nil
}

// title is what people see: the name that somebody gave it, or that of its driver.
func (d device) title() *string {
	if name := shown(d.values.text("FriendlyName")); name != "" {
		return fact(name)
	}
	return fact(shown(d.values.text("DeviceDesc")))
}

// maker is who made it; a class of drivers that fits all makers' devices stands in parentheses.
func (d device) maker() *string {
	name := shown(d.values.text("Mfg"))
	if strings.HasPrefix(name, "(") {
		return nil
	}
	return fact(name)
}

// first returns the first group of a pattern in the texts of a list.
func (d device) first(list string, pattern *regexp.Regexp) []string {
	for _, text := range d.values.texts(list) {
		if m := pattern.FindStringSubmatch(text); m != nil {
			return m[1:]
		}
	}
	return nil
}

// collectWindowsPCI lists the functions on the PCI bus. Windows does not number the segments that Linux calls domains in
// the registry: all are taken for the first.
//
// Source: Enum\PCI in the registry, SetupDiGetClassDevs.
func collectWindowsPCI(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	_, devices, err := devicesOn(h, "PCI")
	if err != nil {
		return err
	}
	for _, d := range devices {
		n := pciName.FindStringSubmatch(d.id)
		slot := pciSlot(d.values.text("LocationInformation"))
		if n == nil || slot == "" {
			continue
		}
		for i := range n {
			n[i] = strings.ToLower(n[i])
		}
		row := &inventoryv1.PciDevice{
			Slot: fact(slot), VendorId: fact(n[1]), DeviceId: fact(n[2]), Revision: fact(n[5]), Name: d.title(),
			Vendor: d.maker(), Driver: fact(d.values.text("Service")),
		}
		if strings.Trim(n[3]+n[4], "0") != "" { // the device stands before its vendor
			row.SubsystemVendorId, row.SubsystemDeviceId = fact(n[4]), fact(n[3])
		}
		if class := d.first("HardwareID", pciClass); class != nil {
			row.Class = fact(strings.ToLower(class[0]))
		}
		snap.PciDevices = append(snap.PciDevices, row)
	}
	return nil
}

// pciSlot spells a place as other systems do. The place is in words, or in numbers behind a text of a library.
func pciSlot(place string) string {
	m := pciPlace.FindStringSubmatch(place)
	if m == nil {
		m = pciWords.FindStringSubmatch(place)
	}
	if m == nil {
		return ""
	}
	var at [3]uint64
	for i := range at {
		n, err := strconv.ParseUint(m[i+1], 10, 8)
		if err != nil {
			return ""
		}
		at[i] = n
	}
	return fmt.Sprintf("0000:%02x:%02x.%x", at[0], at[1], at[2])
}

// collectWindowsUSB lists what hangs on the USB; the hubs of the host controllers have no numbers and are left out. An
// instance without an ampersand is the device's own serial number.
//
// Source: Enum\USB in the registry, SetupDiGetClassDevs.
func collectWindowsUSB(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	_, devices, err := devicesOn(h, "USB")
	if err != nil {
		return err
	}
	for _, d := range devices {
		n := usbName.FindStringSubmatch(d.id)
		if n == nil {
			continue // an interface of a device, or a hub of a controller
		}
		row := &inventoryv1.UsbDevice{
			VendorId: fact(strings.ToLower(n[1])), ProductId: fact(strings.ToLower(n[2])),
			Vendor: d.maker(), Name: d.title(),
		}
		if !strings.Contains(d.instance, "&") {
			row.Serial = fact(d.instance)
		}
		if class := d.first("CompatibleIDs", usbClass); class != nil {
			row.Class = fact(strings.ToLower(class[0]))
		}
		if level := d.first("HardwareID", usbLevel); level != nil {
			row.Version = fact(strings.TrimPrefix(level[0], "0") + "." + level[1])
		}
		if flags, ok := d.values.number("Capabilities"); ok {
			row.Removable = proto.Bool(flags&capabilityRemovable != 0)
		}
		snap.UsbDevices = append(snap.UsbDevices, row)
	}
	return nil
}

// capabilityRemovable marks a device that can be taken away while the machine runs.
//
// Source: CM_DEVCAP_REMOVABLE in cfgmgr32.h.
const capabilityRemovable = 4

// collectWindowsMonitors lists the displays that are plugged in and say what they are.
//
// Source: the EDID of Enum\DISPLAY in the registry.
func collectWindowsMonitors(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, devices, err := devicesOn(h, "DISPLAY")
	if err != nil {
		return err
	}
	for _, d := range devices {
		m, err := parseEDID(r.peek(d.key + `\Device Parameters`)["edid"].Data)
		if err != nil {
			continue // one that says nothing of use is no monitor
		}
		snap.Monitors = append(snap.Monitors, m)
	}
	return nil
}
