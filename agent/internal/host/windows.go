// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Drive is one physical drive of Windows.
type Drive struct {
	// Name is the device's path, \\.\PhysicalDrive0.
	Name      string
	SizeBytes int64
	Model     string
	Vendor    string
	Serial    string
	Firmware  string
	// Bus is nvme, sata, sas, usb …; empty when unknown.
	Bus       string
	Removable bool
	// Rotational is nil where the drive does not tell.
	Rotational *bool
}

// Volume is one volume of Windows.
type Volume struct {
	// Path is where it is mounted, C:\.
	Path  string
	Label string
	// Type is the file system, NTFS.
	Type string
	// Serial is the serial number of the file system, 1A2B-3C4D.
	Serial    string
	SizeBytes int64
	ReadOnly  bool
	// Drive is the name of the physical drive that holds it, empty when there are several or none.
	Drive string
	// Encryption is on, off, or empty when it could not be found out.
	Encryption string
}

// Account is one local account of Windows.
type Account struct {
	Name     string
	FullName string
	Comment  string
	SID      string
	Disabled bool
}

// AccountGroup is one local group of Windows.
type AccountGroup struct {
	Name    string
	Comment string
	SID     string
	// Members are names, with their domain where it is not this machine.
	Members []string
}

// busNames is how drives are attached, by STORAGE_BUS_TYPE.
//
// Source: ntddstor.h.
var busNames = map[uint32]string{
	1: "scsi", 2: "atapi", 3: "ata", 4: "ieee1394", 6: "fibre channel", 7: "usb", 8: "raid", 9: "iscsi", 10: "sas",
	11: "sata", 12: "sd", 13: "mmc", 14: "virtual", 15: "file", 16: "storage spaces", 17: "nvme", 19: "ufs",
}

// deviceDescriptor reads a STORAGE_DEVICE_DESCRIPTOR: numbers, and the places of texts that end with NUL.
//
// Source: ntddstor.h.
func deviceDescriptor(raw []byte) (Drive, bool) {
	const fixed = 32
	if len(raw) < fixed {
		return Drive{}, false
	}
	text := func(at int) string {
		place := binary.LittleEndian.Uint32(raw[at:])
		if place < fixed || uint64(place) >= uint64(len(raw)) {
			return "" // 0 stands for no text
		}
		s, _, _ := bytes.Cut(raw[place:], []byte{0})
		return strings.TrimSpace(string(s))
	}
	return Drive{
		Removable: raw[10] != 0, Vendor: text(12), Model: text(16), Firmware: text(20), Serial: text(24),
		Bus: busNames[binary.LittleEndian.Uint32(raw[28:])],
	}, true
}

// oneDrive reads VOLUME_DISK_EXTENTS: the number of the drive that holds all of a volume, false when there are several.
//
// Source: winioctl.h.
func oneDrive(raw []byte) (uint32, bool) {
	const head, extent = 8, 24
	if len(raw) < head+extent {
		return 0, false
	}
	count := binary.LittleEndian.Uint32(raw)
	if count == 0 || uint64(count) > uint64(len(raw)-head)/extent {
		return 0, false
	}
	first := binary.LittleEndian.Uint32(raw[head:])
	for i := range int(count) {
		if binary.LittleEndian.Uint32(raw[head+i*extent:]) != first {
			return 0, false
		}
	}
	return first, true
}
