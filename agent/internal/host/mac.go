// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"
)

// Program is one question that only a program of macOS answers. The list is fixed: nothing else is ever started.
type Program string

// The programs and their arguments.
const (
	// PlatformExpert prints the registry entry of the computer itself as a property list.
	PlatformExpert Program = "/usr/sbin/ioreg -rd1 -c IOPlatformExpertDevice -a"
	// BootChosen prints what the boot loader left in the device tree, as a property list.
	BootChosen Program = "/usr/sbin/ioreg -p IODeviceTree -rd1 -n chosen -a"
	// Battery prints the registry entry of a notebook's battery as a property list; nothing where there is none.
	Battery Program = "/usr/sbin/ioreg -rd1 -c AppleSmartBattery -a"
	// DiskList prints disks and partitions that are part of the machine as a property list.
	DiskList Program = "/usr/sbin/diskutil list -plist internal"
	// APFSList prints APFS containers and volumes, FileVault included, as a property list.
	APFSList Program = "/usr/sbin/diskutil apfs list -plist"
	// ProfileList prints the installed configuration profiles as a property list.
	ProfileList Program = "/usr/bin/profiles show -output stdout-xml"
	// SystemCertificates prints the certificates of the system's keychain as PEM.
	SystemCertificates Program = "/usr/bin/security find-certificate -a -p /Library/Keychains/System.keychain"
	// RootCertificates prints the certificates that the system trusts as it came, as PEM.
	RootCertificates Program = "/usr/bin/security find-certificate -a -p /System/Library/Keychains/SystemRootCertificates.keychain"
)

// Output implements Host. The computer itself stays the same as long as it runs: it is asked for once.
func (m *Machine) Output(ctx context.Context, p Program) ([]byte, error) {
	if p != PlatformExpert {
		return output(ctx, p)
	}
	m.mu.Lock()
	known := m.platform
	m.mu.Unlock()
	if known != nil {
		return known, nil
	}
	raw, err := output(ctx, p)
	if err == nil && len(raw) > 0 {
		m.mu.Lock()
		m.platform = raw
		m.mu.Unlock()
	}
	return raw, err
}

// integerSysctls are the values of the kernel that are integers, of those that anybody asks for; the others are text.
var integerSysctls = map[string]bool{
	"hw.cpufrequency_max": true, "hw.cpusubtype": true, "hw.cputype": true, "hw.logicalcpu": true, "hw.memsize": true,
	"hw.packages": true, "hw.physicalcpu": true, "kern.hv_vmm_present": true, "machdep.cpu.family": true,
	"machdep.cpu.microcode_version": true, "machdep.cpu.model": true, "machdep.cpu.stepping": true,
}

// sysctlText spells a value of the kernel: integers of one to eight bytes, in the order of all processors that macOS has
// run on since PowerPC, in decimal.
func sysctlText(name string, raw []byte) string {
	if !integerSysctls[name] {
		return strings.TrimRight(string(raw), "\x00")
	}
	if len(raw) > 8 {
		return ""
	}
	var eight [8]byte
	copy(eight[:], raw)
	return strconv.FormatUint(binary.LittleEndian.Uint64(eight[:]), 10)
}
