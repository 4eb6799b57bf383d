// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "system_info", Essential: true, Collect: collectSystemInfo})
}

// collectSystemInfo describes the machine as a whole. Unprivileged it lacks what the firmware keeps for the
// administrator (serial number, UUID) and says so.
//
// Source: /proc, /sys/class/dmi/id, hostname(5), machine-info(5), machine-id(5), hosts(5), locale.conf(5).
func collectSystemInfo(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	s := &inventoryv1.SystemInfo{}
	snap.SystemInfo = s
	uname, err := h.Uname()
	if err != nil {
		return err
	}
	s.KernelName, s.KernelVersion, s.CpuType = fact(uname.KernelName), fact(uname.Release), fact(uname.Machine)
	if err := setProcessor(h, s); err != nil {
		return err
	}
	if err := setMemory(h, s); err != nil {
		return err
	}
	setNames(h, s)
	setSettings(h, s)
	s.Hypervisor, s.Container = fact(hypervisor(h)), fact(container(h))
	s.CloudProvider = fact(cloudProvider(h))
	s.OsInstallDate = datetime(installed(ctx, h))
	d := &dmi{h: h}
	s.Domain = fact(directoryDomain(h, &d.gap))
	setFirmware(h, d, s)
	return d.err()
}

// setProcessor writes the processors' numbers.
func setProcessor(h host.Host, s *inventoryv1.SystemInfo) error {
	c, err := readCPUs(h)
	if err != nil {
		return fmt.Errorf("processors: %w", err)
	}
	s.CpuBrand, s.CpuSubtype = fact(c.brand()), fact(c.first("model", "CPU part"))
	s.CpuLogicalCores, s.CpuPhysicalCores = count(len(c.logical)), count(c.physical())
	s.CpuSockets = count(len(c.threads))
	return nil
}

// setMemory writes the memory that the kernel has to give.
func setMemory(h host.Host, s *inventoryv1.SystemInfo) error {
	raw, err := host.ReadFile(h.FS(), "proc/meminfo", smallFile)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib := number(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if kib == nil || *kib < 0 {
				return fmt.Errorf("memory: MemTotal is %q", strings.TrimSpace(rest))
			}
			s.PhysicalMemory = integer(*kib * 1024)
		}
	}
	return nil
}

// setNames writes how the machine is called. The domain is what hosts(5) gives the name; no name server is asked.
func setNames(h host.Host, s *inventoryv1.SystemInfo) {
	name := peek(h, "proc/sys/kernel/hostname")
	if name == "" {
		name = peek(h, "etc/hostname")
	}
	s.Hostname, s.ComputerName, s.Fqdn = fact(name), fact(name), fact(fqdn(peek(h, "etc/hosts"), name))
	if pretty := parseAssignments(peek(h, "etc/machine-info"))["PRETTY_HOSTNAME"]; pretty != "" {
		s.ComputerName = fact(pretty)
	}
	if id := peek(h, "etc/machine-id"); id != "" && id != "uninitialized" {
		sum := sha256.Sum256([]byte(id)) // machine-id(5) asks that the id itself is not shown to a network
		s.MachineId = fact(hex.EncodeToString(sum[:]))
	}
}

// fqdn finds the full name of a host: the name itself if it has a domain, else the first name with one on the line of
// hosts that names it.
func fqdn(hosts, name string) string {
	if name == "" || strings.Contains(name, ".") {
		return name
	}
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for _, f := range fields {
			if rest, ok := strings.CutPrefix(f, name+"."); ok && rest != "" && !strings.HasPrefix(rest, "localdomain") {
				return f
			}
		}
	}
	return ""
}

// setSettings writes what the system is set to.
func setSettings(h host.Host, s *inventoryv1.SystemInfo) {
	s.Timezone = fact(timezone(h))
	for _, name := range []string{"etc/locale.conf", "etc/default/locale"} {
		if lang := parseAssignments(peek(h, name))["LANG"]; lang != "" {
			s.Locale = fact(lang)
			break
		}
	}
	s.InitSystem = fact(initSystem(h))
}

// timezone is the IANA name that /etc/localtime points at, else what /etc/timezone says.
func timezone(h host.Host) string {
	if target, err := fs.ReadLink(h.FS(), "etc/localtime"); err == nil {
		if _, zone, ok := strings.Cut(target, "zoneinfo/"); ok {
			return zone
		}
	}
	return peek(h, "etc/timezone")
}

// setFirmware writes what the firmware says about the machine, and whether it guards the start.
func setFirmware(h host.Host, d *dmi, s *inventoryv1.SystemInfo) {
	s.FirmwareType = fact(firmwareType(h))
	if v, err := host.ReadFile(h.FS(), secureBootVariable, 16); err == nil && len(v) == 5 {
		s.SecureBoot = proto.Bool(v[4] == 1)
	}
	s.TpmVersion = fact(tpmVersion(h))
	if !d.present() {
		s.HardwareModel = fact(peek(h, "proc/device-tree/model"))
		s.HardwareSerial = fact(cleanSerial(peek(h, "proc/device-tree/serial-number")))
		return
	}
	s.HardwareVendor, s.HardwareModel = fact(d.text("sys_vendor")), fact(d.text("product_name"))
	s.HardwareVersion, s.HardwareSku = fact(d.text("product_version")), fact(d.text("product_sku"))
	s.HardwareSerial, s.AssetTag = fact(cleanSerial(d.raw("product_serial"))), fact(d.text("chassis_asset_tag"))
	s.ChassisType = fact(d.chassis())
	if uuid, ok := normal.CleanUUID(d.raw("product_uuid")); ok {
		s.Uuid = fact(uuid)
	}
}

// secureBootVariable holds four bytes of attributes and one that is 1 when Secure Boot is on.
const secureBootVariable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
