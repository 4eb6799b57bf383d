// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// folder builds the files of one folder.
func folder(name string, files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for file, content := range files {
		m[name+"/"+file] = text(content + "\n")
	}
	return m
}

func TestPCIDevices(t *testing.T) {
	t.Parallel()
	files := with(
		folder("sys/bus/pci/devices/0000:00:03.0", map[string]string{
			"class": "0x020000", "vendor": "0x1af4", "device": "0x1041", "subsystem_vendor": "0x1af4", "subsystem_device": "0x1041", "revision": "0x01",
		}),
		folder("sys/bus/pci/devices/0000:00:1f.6", map[string]string{
			"class": "0x020000", "vendor": "0x8086", "device": "0x10d3", "subsystem_vendor": "0x0000", "subsystem_device": "0x0000", "revision": "0x00",
		}),
		folder("sys/bus/pci/devices/0000:01:10.0", map[string]string{"class": "0x020000", "vendor": "0x8086", "device": "0x10ed", "physfn/class": "0x020000"}),
		fstest.MapFS{
			"sys/bus/pci/devices/0000:00:03.0/driver": link("../../../bus/pci/drivers/virtio-pci"),
			"usr/share/misc/pci.ids":                  text(namesOfHardware),
		})
	snap, err := gather(t, "pci_devices", &hosttest.Machine{Files: files})
	want := "{class:020000,device_id:1041,driver:virtio-pci,name:Virtio 1.0 network device,revision:01,slot:0000:00:03.0,subsystem_device_id:1041,subsystem_vendor_id:1af4,vendor:Red Hat, Inc.,vendor_id:1af4}\n" +
		"{class:020000,device_id:10d3,name:82574L Gigabit Network Connection,revision:00,slot:0000:00:1f.6,vendor:Intel Corporation,vendor_id:8086}"
	if got := show(snap.PciDevices...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := gather(t, "pci_devices", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no bus: got %v", err)
	}
}

func TestPCIDevicesOfThisMachine(t *testing.T) {
	t.Parallel()
	entries, err := fs.ReadDir(os.DirFS("/"), pciFolder)
	if err != nil || len(entries) == 0 {
		t.Skip("this machine has no PCI bus")
	}
	snap, err := gather(t, "pci_devices", host.Local())
	if err != nil || len(snap.PciDevices) != len(entries) {
		t.Errorf("%d of %d devices, %v", len(snap.PciDevices), len(entries), err)
	}
}

func TestUSBDevices(t *testing.T) {
	t.Parallel()
	const bus = "sys/bus/usb/devices/"
	files := with(
		folder(bus+"usb1", map[string]string{"idVendor": "1d6b", "idProduct": "0002", "bDeviceClass": "09"}),
		folder(bus+"1-2", map[string]string{
			"idVendor": "046d", "idProduct": "c31c", "manufacturer": "Logitech ", "product": "USB Keyboard", "bcdDevice": "6402",
			"bDeviceClass": "00", "removable": "removable",
		}),
		folder(bus+"1-2:1.0", map[string]string{"bInterfaceClass": "03"}),
		folder(bus+"1-5", map[string]string{"idVendor": "8086", "idProduct": "10d3", "bDeviceClass": "e0", "removable": "fixed", "serial": "A1", "bcdDevice": "0001"}),
		fstest.MapFS{"var/lib/usbutils/usb.ids": text(namesOfHardware)})
	snap, err := gather(t, "usb_devices", &hosttest.Machine{Files: files})
	want := "{class:03,name:USB Keyboard,product_id:c31c,removable:true,vendor:Logitech,vendor_id:046d,version:64.02}\n" +
		"{class:e0,name:82574L Gigabit Network Connection,product_id:10d3,removable:false,serial:A1,vendor:Intel Corporation,vendor_id:8086,version:0.01}"
	if got := show(snap.UsbDevices...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestBatteries(t *testing.T) {
	t.Parallel()
	const power = "sys/class/power_supply/"
	laptop := map[string]string{
		"type": "Battery", "present": "1", "manufacturer": "SMP", "model_name": "00HW022", "serial_number": " 1234",
		"technology": "Li-poly", "energy_full_design": "23480000", "energy_now": "11", "cycle_count": "112", "health": "Overheat",
	}
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
		err   error
	}{
		{"energy in µWh", folder(power+"BAT0", laptop), "{chemistry:Li-poly,cycle_count:112,design_capacity:23480,model:00HW022,name:BAT0,serial:1234,vendor:SMP}", nil},
		{"charge in µAh", folder(power+"BAT1", map[string]string{
			"type": "Battery", "technology": "Unknown", "charge_full_design": "4000000", "voltage_min_design": "11400000", "cycle_count": "0", "health": "Good",
		}), "{design_capacity:45600,health:Good,name:BAT1}", nil},
		{"mains, a mouse and an empty bay", with(
			folder(power+"AC", map[string]string{"type": "Mains"}),
			folder(power+"hidpp_battery_0", map[string]string{"type": "Battery", "scope": "Device"}),
			folder(power+"BAT1", map[string]string{"type": "Battery", "present": "0"})), "", ErrAbsent},
		{"no such class", fstest.MapFS{}, "", ErrAbsent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, "batteries", &hosttest.Machine{Files: tt.files})
			if got := show(snap.Batteries...); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got  %s, %v\nwant %s, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// edid builds a base block of the vendor DEL with a preferred mode of 1920x1200.
func edid(week, year byte, number uint32, texts map[byte]string) []byte {
	raw := make([]byte, edidBlock)
	copy(raw, edidHeader)
	copy(raw[8:], []byte{0x10, 0xac, 0x7b, 0xa0})
	binary.LittleEndian.PutUint32(raw[12:], number)
	raw[16], raw[17] = week, year
	copy(raw[54:], []byte{0x28, 0x3c, 0x80, 0xa0, 0x70, 0xb0, 0x23, 0x40})
	at := 72
	for _, tag := range []byte{edidSerial, edidText, edidName} {
		if s, ok := texts[tag]; ok {
			copy(raw[at:], append([]byte{0, 0, 0, tag, 0}, s...))
			at += 18
		}
	}
	return raw
}

func TestMonitors(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"sys/class/drm/card0/dev":             text("226:0\n"),
		"sys/class/drm/version":               text("drm 1.1.0\n"),
		"sys/class/drm/card0-DP-1/edid":       {Data: edid(21, 33, 7, map[byte]string{edidSerial: "M2GCR1BS0T1L\n", edidName: "DELL U2412M\n "})},
		"sys/class/drm/card0-eDP-1/edid":      {Data: edid(0, 30, 7, map[byte]string{edidText: "B140HAN04.0\n"})},
		"sys/class/drm/card0-HDMI-A-1/edid":   {Data: nil},
		"sys/class/drm/card0-HDMI-A-2/edid":   {Data: []byte("short")},
		"sys/class/drm/card0-DP-2/status":     text("disconnected\n"),
		"sys/class/drm/renderD128/dev":        text("226:128\n"),
		"sys/class/drm/card1-Virtual-1/edid":  {Data: edid(255, 34, 0x01010101, nil)},
		"sys/class/drm/card1-Virtual-1/modes": text("1024x768\n"),
	}
	snap, err := gather(t, "monitors", &hosttest.Machine{Files: files})
	want := "{connector:DP-1,height:1200,manufactured:2023-W21,model:a07b,name:DELL U2412M,serial:M2GCR1BS0T1L,vendor:DEL,width:1920}\n" +
		"{connector:eDP-1,height:1200,manufactured:2020,model:a07b,name:B140HAN04.0,serial:7,vendor:DEL,width:1920}\n" +
		"{connector:Virtual-1,height:1200,manufactured:2024,model:a07b,vendor:DEL,width:1920}"
	if got := show(snap.Monitors...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := gather(t, "monitors", &hosttest.Machine{Files: fstest.MapFS{"sys/class/drm/version": text("")}}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no card: got %v", err)
	}
}

func TestMemoryModulesOfVirtualMachinesAreTheFilledOnes(t *testing.T) {
	t.Parallel()
	vm := &hosttest.Machine{Firmware: dumped(t, "vmware"), Hypervisor: "VMwareVMware"}
	snap, err := gather(t, "memory_modules", vm)
	want := "{bank:RAM slot #0,form_factor:DIMM,size:1073741824,slot:RAM slot #0,type:DRAM}"
	if got := show(snap.MemoryModules...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	metal := &hosttest.Machine{Firmware: dumped(t, "thinkpad-w510")}
	snap, err = gather(t, "memory_modules", metal)
	if got := show(snap.MemoryModules...); err != nil || strings.Count(got, "\n") != 3 || !strings.Contains(got, "{bank:Bank 2/3,size:0,slot:DIMM 2}") {
		t.Errorf("an empty slot is a fact: got\n%s, %v", got, err)
	}
	if _, err := gather(t, "memory_modules", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no table: got %v", err)
	}
}

func FuzzEDID(f *testing.F) {
	f.Add(edid(21, 33, 7, map[byte]string{edidSerial: "M2GCR1BS0T1L\n", edidName: "DELL U2412M\n "}))
	f.Add(edid(0, 0, 0, nil))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseEDID(raw)
		if err == nil && (strings.ContainsAny(m.GetName()+m.GetSerial(), "\x00\n") || m.GetWidth() > 4096) {
			t.Errorf("got %s", show(m))
		}
	})
}
