// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// The files that macOS keeps its settings in.
const (
	macPreferences    = "Library/Preferences/SystemConfiguration/preferences.plist"
	macGlobals        = "Library/Preferences/.GlobalPreferences.plist"
	macSetupDone      = "var/db/.AppleSetupDone"
	macInstallHistory = "Library/Receipts/InstallHistory.plist"
)

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "system_info", On: []string{"darwin"}, Essential: true, Collect: collectMacSystemInfo})
}

// collectMacSystemInfo describes the machine as a whole. The name is the one in the settings: what the kernel is called
// follows the network that a notebook is in.
//
// Source: sysctl(3), the registry entry IOPlatformExpertDevice, SystemConfiguration's preferences.plist.
func collectMacSystemInfo(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	uname, err := h.Uname()
	if err != nil {
		return err
	}
	s := &inventoryv1.SystemInfo{
		KernelName: fact(uname.KernelName), KernelVersion: fact(uname.Release), CpuType: fact(uname.Machine),
		CpuSubtype: fact(sysctl(h, "hw.cpusubtype")), CpuBrand: fact(sysctl(h, "machdep.cpu.brand_string")),
		CpuPhysicalCores: positive(sysctl(h, "hw.physicalcpu")), CpuLogicalCores: positive(sysctl(h, "hw.logicalcpu")),
		CpuSockets: positive(sysctl(h, "hw.packages")), PhysicalMemory: positive(sysctl(h, "hw.memsize")),
		HardwareModel: fact(sysctl(h, "hw.model")), Hypervisor: fact(macHypervisor(h)),
		Timezone: fact(macTimezone(h)), InitSystem: proto.String("launchd"), OsInstallDate: macInstallDate(h),
	}
	snap.SystemInfo = s
	if err := setMacNames(h, s); err != nil {
		return err
	}
	return setMacPlatform(ctx, h, s)
}

// setMacNames writes how the machine is called, and its language.
func setMacNames(h host.Host, s *inventoryv1.SystemInfo) error {
	settings, err := readDict(h, macPreferences)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("names: %w", err)
	}
	system := settings.Dict("System")
	names := system.Dict("System")
	local := system.Dict("Network").Dict("HostNames").Text("LocalHostName")
	full := names.Text("HostName")
	s.Hostname = fact(cmp.Or(full, local))
	s.ComputerName = fact(cmp.Or(names.Text("ComputerName"), local, full))
	if strings.Contains(full, ".") && !strings.HasSuffix(full, ".local") {
		s.Fqdn = fact(full)
	}
	s.Locale = fact(peekDict(h, macGlobals).Text("AppleLocale"))
	return nil
}

// setMacPlatform writes what the firmware told the kernel about the computer.
func setMacPlatform(ctx context.Context, h host.Host, s *inventoryv1.SystemInfo) error {
	entry, err := programDict(ctx, h, host.PlatformExpert)
	if err != nil {
		return fmt.Errorf("platform: %w", err)
	}
	s.HardwareVendor = fact(cmp.Or(entry.Text("manufacturer"), "Apple Inc."))
	s.HardwareModel = fact(cmp.Or(s.GetHardwareModel(), entry.Text("model")))
	s.HardwareSku = fact(cmp.Or(entry.Text("model-number"), entry.Text("regulatory-model-number")))
	if serial, ok := normal.CleanSerial(entry.Text("IOPlatformSerialNumber")); ok {
		s.HardwareSerial = fact(serial)
	}
	if uuid, ok := normal.CleanUUID(entry.Text("IOPlatformUUID")); ok {
		s.Uuid = fact(uuid)
	}
	return nil
}

// macHypervisor says what the machine runs under, in the words of hypervisor. A guest of Apple's own framework is a VirtualMac.
func macHypervisor(h host.Host) string {
	if sysctl(h, "kern.hv_vmm_present") != "1" {
		return ""
	}
	model := sysctl(h, "hw.model")
	for _, known := range []struct{ part, name string }{
		{"VirtualMac", "apple"},
		{"VMware", "vmware"},
		{"Parallels", "parallels"},
		{"VirtualBox", "virtualbox"},
	} {
		if strings.HasPrefix(model, known.part) {
			return known.name
		}
	}
	return cmp.Or(hypervisorSignatures[strings.TrimSpace(h.HypervisorSignature())], "unknown")
}

// macTimezone is the IANA name that /etc/localtime points at.
func macTimezone(h host.Host) string {
	target, err := fs.ReadLink(h.FS(), "etc/localtime")
	if err != nil {
		return ""
	}
	_, zone, _ := strings.Cut(target, "zoneinfo/")
	return zone
}

// macInstallDate is when somebody went through the assistant that ends an installation, else the first entry in the
// history of what was installed.
func macInstallDate(h host.Host) *string {
	if info, err := fs.Stat(h.FS(), macSetupDone); err == nil {
		return datetime(info.ModTime())
	}
	var first time.Time
	for _, entry := range historyOf(h) {
		if at := entry.Time("date"); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return datetime(first)
}
