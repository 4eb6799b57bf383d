// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "disks", On: []string{"windows"}, Essential: true, Collect: collectWindowsDisks})
	register(Collector{Name: "filesystems", On: []string{"windows"}, Essential: true, Collect: collectWindowsFilesystems})
}

// collectWindowsDisks lists physical drives. A drive is encrypted when BitLocker protects every volume that lies on it
// alone and has a letter.
//
// Source: IOCTL_STORAGE_QUERY_PROPERTY, Win32_EncryptableVolume.
func collectWindowsDisks(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	drives, err := h.Drives(ctx)
	if err != nil {
		return err
	}
	volumes, err := h.Volumes(ctx)
	if err != nil {
		return err
	}
	for _, d := range drives {
		size := integer(d.SizeBytes)
		if d.SizeBytes <= 0 || size == nil {
			continue
		}
		row := &inventoryv1.Disk{
			Name: fact(strings.TrimPrefix(d.Name, `\\.\`)), Path: fact(d.Name), Size: size, Model: fact(d.Model),
			Vendor: fact(d.Vendor), Serial: fact(cleanSerial(d.Serial)), Firmware: fact(d.Firmware), Bus: fact(d.Bus),
			Rotational: d.Rotational, EncryptionStatus: driveEncryption(d.Name, volumes),
		}
		if d.Removable {
			row.Removable = proto.Bool(true)
		}
		switch {
		case d.Bus == "virtual" || d.Rotational == nil:
		case *d.Rotational:
			row.Type = proto.String("hdd")
		default:
			row.Type = proto.String("ssd")
		}
		snap.Disks = append(snap.Disks, row)
	}
	return nil
}

// driveEncryption joins what is known of the volumes of a drive.
func driveEncryption(drive string, volumes []host.Volume) *string {
	on, off := false, false
	for _, v := range volumes {
		if v.Drive != drive {
			continue
		}
		switch v.Encryption {
		case "on":
			on = true
		case "off":
			off = true
		default:
			return nil
		}
	}
	switch {
	case on && !off:
		return proto.String("encrypted")
	case off && !on:
		return proto.String("not encrypted")
	case on && off:
		return proto.String("partially encrypted")
	}
	return nil
}

// collectWindowsFilesystems lists the volumes of fixed drives that have a letter.
//
// Source: GetVolumeInformation, GetDiskFreeSpaceEx.
func collectWindowsFilesystems(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	volumes, err := h.Volumes(ctx)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		row := &inventoryv1.Filesystem{
			Path: fact(v.Path), Device: fact(strings.TrimPrefix(v.Drive, `\\.\`)), Type: fact(v.Type), Uuid: fact(v.Serial),
			Label: fact(v.Label),
		}
		if v.SizeBytes > 0 {
			row.Size = integer(v.SizeBytes)
		}
		if v.ReadOnly {
			row.ReadOnly = proto.Bool(true)
		}
		if v.Encryption != "" {
			row.Encrypted = proto.Bool(v.Encryption == "on")
		}
		snap.Filesystems = append(snap.Filesystems, row)
	}
	return nil
}
