// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "system_info", On: []string{"windows"}, Essential: true, Collect: collectWindowsSystem})
}

// collectWindowsSystem describes the machine as a whole.
//
// Source: the registry, and SMBIOS structures 1, 3, 4 and 17.
func collectWindowsSystem(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	s := &inventoryv1.SystemInfo{}
	snap.SystemInfo = s
	uname, err := h.Uname()
	if err != nil {
		return err
	}
	s.KernelName, s.KernelVersion, s.CpuType = fact(uname.KernelName), fact(uname.Release), fact(windowsArch(r, uname))
	setWindowsNames(r, s)
	if err := setWindowsProcessors(r, s); err != nil {
		return err
	}
	setWindowsSettings(r, s)
	err = setWindowsFirmware(h, r, s)
	s.Hypervisor = fact(windowsHypervisor(h, r, s.GetHardwareVendor()+" "+s.GetHardwareModel()))
	return err
}

// windowsArch is the processor's architecture, as kernels of other systems spell it. The agent may be translated, so the
// registry is asked before the program.
func windowsArch(r winRegistry, uname host.Uname) string {
	spelled := map[string]string{"AMD64": "x86_64", "ARM64": "aarch64", "x86": "i686"}
	if arch := spelled[r.peek(keyControl+`\Session Manager\Environment`).text("PROCESSOR_ARCHITECTURE")]; arch != "" {
		return arch
	}
	return uname.Machine
}

// setWindowsNames writes how the machine is called.
func setWindowsNames(r winRegistry, s *inventoryv1.SystemInfo) {
	ip := r.peek(`HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`)
	name := r.peek(keyControl + `\ComputerName\ActiveComputerName`).text("ComputerName")
	if name == "" {
		name = r.peek(keyControl + `\ComputerName\ComputerName`).text("ComputerName")
	}
	s.ComputerName, s.Hostname = fact(name), fact(ip.text("Hostname"))
	if s.Hostname == nil {
		s.Hostname = fact(name)
	}
	domain := ip.text("Domain")
	if domain == "" {
		domain = ip.text("NV Domain")
	}
	if host := s.GetHostname(); domain != "" && host != "" {
		s.Fqdn = fact(host + "." + domain)
	}
	// A domain's name in DNS may be set by hand; the service that talks to the domain's controllers tells who joined one.
	if joined := r.peek(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\History`).text("MachineDomain"); joined != "" {
		s.Domain = fact(joined)
	} else if domain != "" && r.peek(keyServices+`\Netlogon`).is("Start", 2) {
		s.Domain = fact(domain)
	}
	s.MachineId = fact(machineGUIDHash(r.peek(keyCryptography).text("MachineGuid")))
}

// keyProcessors has a key for each logical processor, which the kernel writes at every start.
const keyProcessors = `HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor`

// setWindowsProcessors writes what the kernel tells about processors.
func setWindowsProcessors(r winRegistry, s *inventoryv1.SystemInfo) error {
	logical, err := r.keys(keyProcessors)
	if err != nil {
		return err
	}
	s.CpuLogicalCores = count(len(logical))
	first := r.peek(keyProcessors + `\0`)
	s.CpuBrand = fact(strings.Join(strings.Fields(first.text("ProcessorNameString")), " "))
	s.CpuSubtype = fact(first.text("Identifier"))
	return nil
}

// setWindowsSettings writes what the system is set to.
func setWindowsSettings(r winRegistry, s *inventoryv1.SystemInfo) {
	zone := r.peek(keyControl + `\TimeZoneInformation`).text("TimeZoneKeyName")
	s.Timezone = fact(windowsZones[zone])
	s.Locale = fact(r.peek(`HKU\.DEFAULT\Control Panel\International`).text("LocaleName"))
	s.OsInstallDate = windowsInstallDate(r.peek(keyCurrentVersion))
	s.FirmwareType = fact(windowsFirmwareType(r))
	if on, ok := r.peek(keyControl + `\SecureBoot\State`).number("UEFISecureBootEnabled"); ok {
		s.SecureBoot = proto.Bool(on == 1)
	}
	switch { // the names under which firmware announces a TPM (TCG ACPI Specification)
	case r.has(`HKLM\SYSTEM\CurrentControlSet\Enum\ACPI\MSFT0101`):
		s.TpmVersion = proto.String("2.0")
	case r.has(`HKLM\SYSTEM\CurrentControlSet\Enum\ACPI\PNP0C31`):
		s.TpmVersion = proto.String("1.2")
	}
}

// windowsFirmwareType is what Windows was started with.
func windowsFirmwareType(r winRegistry) string {
	switch n, _ := r.peek(keyControl).number("PEFirmwareType"); n {
	case 1:
		return "bios"
	case 2:
		return "uefi"
	}
	return ""
}

// windowsInstallDate is when this Windows was installed; a feature update counts as one.
func windowsInstallDate(v regValues) *string {
	if n, ok := v.number("InstallTime"); ok {
		if at := datetime(filetime(n)); at != nil {
			return at
		}
	}
	if n, ok := v.number("InstallDate"); ok && n > 0 && n < maxInteger {
		return datetime(time.Unix(int64(n), 0))
	}
	return nil
}

// windowsHypervisor is what a guest runs under. The firmware's word comes first: other hypervisors show the leaf of
// Hyper-V to make Windows comfortable, and so does a Windows on the metal that guards itself with Hyper-V.
func windowsHypervisor(h host.Host, r winRegistry, firmware string) string {
	firmware = strings.ToLower(firmware)
	if strings.Contains(firmware, "microsoft corporation virtual machine") {
		return "hyper-v"
	}
	for _, f := range firmwareHypervisors {
		if strings.Contains(firmware, f.word) {
			return f.name
		}
	}
	name := hypervisorSignatures[strings.TrimSpace(h.HypervisorSignature())]
	if name == "hyper-v" && !r.has(`HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest\Parameters`) {
		return ""
	}
	return name
}

// setWindowsFirmware writes what the firmware says about the machine.
func setWindowsFirmware(h host.Host, r winRegistry, s *inventoryv1.SystemInfo) error {
	table, err := readSMBIOS(h)
	if errors.Is(err, ErrAbsent) {
		v := r.peek(`HKLM\HARDWARE\DESCRIPTION\System\BIOS`) // what the kernel kept of the table
		s.HardwareVendor, s.HardwareModel = fact(v.text("SystemManufacturer")), fact(v.text("SystemProductName"))
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return &unreadable{paths: []string{"firmware table"}}
	}
	if err != nil {
		return err
	}
	f := table.system()
	s.HardwareVendor, s.HardwareModel, s.HardwareVersion = fact(f.Manufacturer), fact(f.Product), fact(f.Version)
	s.HardwareSku, s.HardwareSerial, s.Uuid = fact(f.SKU), fact(f.Serial), fact(f.UUID)
	s.AssetTag, s.ChassisType = fact(f.AssetTag), fact(table.chassis())
	var memory, sockets, cores int64
	for _, m := range table.memoryModules() {
		memory += m.GetSize()
	}
	for _, p := range table.processors() {
		sockets += p.GetSockets()
		cores += p.GetSockets() * p.GetCores()
	}
	s.PhysicalMemory, s.CpuSockets, s.CpuPhysicalCores = count(int(memory)), count(int(sockets)), count(int(cores))
	return nil
}
