// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// seal says how much of a block device's content is encrypted by the system. What a drive or a hypervisor encrypts
// beneath it cannot be seen.
type seal int

// The seals. A device that holds nothing that is known says nothing.
const (
	sealUnknown seal = iota
	sealNone
	sealPartial
	sealWhole
)

// sealNames are the texts of a disk's encryption status.
var sealNames = map[seal]string{sealNone: "not encrypted", sealPartial: "partially encrypted", sealWhole: "encrypted"}

// encryptedTypes are what udev calls containers of encrypted content.
var encryptedTypes = []string{"crypto_LUKS", "BitLocker", "DM_crypt"}

// bootTypes are partitions that firmware and boot loader must be able to read.
//
// Source: UEFI Specification, Discoverable Partitions Specification, and GRUB's manual for the BIOS boot partition.
var bootTypes = []string{
	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", // EFI system
	"bc13c2ff-59e6-4262-a352-b275fd6f7172", // extended boot loader
	"21686148-6449-6e6f-744e-656564454649", // BIOS boot
	"e3c9e316-0b5c-4db8-817d-f92df00215ae", // reserved by Microsoft
}

// maxStack bounds how many block devices are looked through, one above the other.
const maxStack = 8

// encryptionOf says whether a disk's content is encrypted: the disk itself or all its partitions, except for those that
// a machine starts from. "" when nothing is known. The key of mounted is a device's name, the value its mount point.
func encryptionOf(h host.Host, disk string, mounted map[string]string) string {
	folder := blockFolder + "/" + disk
	parts := partitionsOf(h, disk)
	if len(parts) == 0 {
		return sealNames[sealOf(h, folder, disk, mounted, 0)]
	}
	total := sealUnknown
	for _, part := range parts {
		at, udev := mounted[part], udevProperties(h, folder+"/"+part)
		if at == "/boot" || at == "/efi" || strings.HasPrefix(at, "/boot/") || slices.Contains(bootTypes, udev["ID_PART_ENTRY_TYPE"]) {
			continue
		}
		total = total.and(sealOf(h, folder+"/"+part, part, mounted, 0))
	}
	return sealNames[total]
}

// and joins the seals of two parts of a device.
func (s seal) and(other seal) seal {
	switch {
	case s == sealUnknown:
		return other
	case other == sealUnknown || s == other:
		return s
	}
	return sealPartial
}

// sealOf looks at what a block device holds, and at the devices that are made of it: LVM, RAID, dm-crypt.
//
// Source: Documentation/ABI/testing/sysfs-block-dm in the Linux kernel; cryptsetup begins the uuid of its devices with
// CRYPT-.
func sealOf(h host.Host, folder, name string, mounted map[string]string, depth int) seal {
	content := udevProperties(h, folder)["ID_FS_TYPE"]
	if slices.Contains(encryptedTypes, content) || strings.HasPrefix(peek(h, folder+"/dm/uuid"), "CRYPT-") {
		return sealWhole
	}
	holders, err := fs.ReadDir(h.FS(), folder+"/holders")
	if err == nil && len(holders) > 0 && depth < maxStack {
		total := sealUnknown
		for _, holder := range holders {
			total = total.and(sealOf(h, blockFolder+"/"+holder.Name(), holder.Name(), mounted, depth+1))
		}
		return total
	}
	if content != "" || mounted[name] != "" {
		return sealNone
	}
	return sealUnknown
}

// encryptedBelow tells whether everything that a mounted device is made of is encrypted.
func encryptedBelow(h host.Host, folder string, depth int) bool {
	if strings.HasPrefix(peek(h, folder+"/dm/uuid"), "CRYPT-") {
		return true
	}
	slaves, err := fs.ReadDir(h.FS(), folder+"/slaves")
	if err != nil || len(slaves) == 0 || depth >= maxStack {
		return false
	}
	for _, slave := range slaves {
		if !encryptedBelow(h, "sys/class/block/"+slave.Name(), depth+1) {
			return false
		}
	}
	return true
}
