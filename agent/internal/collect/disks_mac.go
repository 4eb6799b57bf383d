// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	mac := []string{"darwin"}
	register(Collector{Name: "disks", On: mac, Essential: true, Collect: collectMacDisks})
	register(Collector{Name: "partitions", On: mac, Essential: true, Collect: collectMacPartitions})
}

// apfsVolume is one volume of APFS.
type apfsVolume struct {
	device, name, uuid string
	roles              []string
	encrypted, vault   *bool
	size               *int64 // of the container, which all its volumes share
	mount              string
}

// collectMacDisks lists the volumes that the system is started from and that it keeps people's files on, since these are
// what has a name, a place and a key. The size is that of their container. Volumes of disks that are plugged in come and
// go, and those for the system's own purposes say nothing.
//
// Source: diskutil(8).
func collectMacDisks(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	list, err := programDict(ctx, h, host.DiskList)
	if err != nil {
		return absent(err)
	}
	apfs, err := programDict(ctx, h, host.APFSList)
	if err != nil {
		return absent(err)
	}
	for _, v := range apfsVolumes(apfs, list) {
		if v.size == nil || !slices.Contains(v.roles, "System") && !slices.Contains(v.roles, "Data") {
			continue
		}
		d := &inventoryv1.Disk{Name: fact("/dev/" + v.device), Size: v.size, Path: fact(v.mount), Label: fact(v.name)}
		if v.encrypted != nil {
			d.EncryptionStatus = fact(choose(*v.encrypted, "encrypted", "not encrypted"))
		}
		if v.vault != nil {
			d.FilevaultStatus = onOff(*v.vault)
		}
		snap.Disks = append(snap.Disks, d)
	}
	return nil
}

// choose returns one of two words.
func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// apfsVolumes returns the volumes on the disks in list.
func apfsVolumes(apfs, list plist.Dict) []apfsVolume {
	stores, mounts := partsOf(list), mountsOf(list)
	var volumes []apfsVolume
	for _, container := range apfs.Dicts("Containers") {
		inside := stores[container.Text("DesignatedPhysicalStore")]
		for _, s := range container.Dicts("PhysicalStores") {
			inside = inside || stores[s.Text("DeviceIdentifier")]
		}
		if !inside {
			continue
		}
		for _, v := range container.Dicts("Volumes") {
			device := v.Text("DeviceIdentifier")
			volumes = append(volumes, apfsVolume{
				device: device, name: v.Text("Name"), uuid: strings.ToLower(v.Text("APFSVolumeUUID")), roles: v.Strings("Roles"),
				encrypted: v.Bool("Encryption"), vault: v.Bool("FileVault"), mount: mounts[device],
				size: positiveInt(container.Int("CapacityCeiling")),
			})
		}
	}
	return volumes
}

// positiveInt is integer for what 0 means unknown.
func positiveInt(n *int64) *int64 {
	if n == nil || *n <= 0 {
		return nil
	}
	return integer(*n)
}

// partsOf returns the names of all partitions.
func partsOf(list plist.Dict) map[string]bool {
	parts := map[string]bool{}
	for _, disk := range list.Dicts("AllDisksAndPartitions") {
		for _, p := range disk.Dicts("Partitions") {
			parts[p.Text("DeviceIdentifier")] = true
		}
	}
	return parts
}

// mountsOf returns where volumes are mounted, by device. The system's own volume is mounted as a snapshot of itself.
func mountsOf(list plist.Dict) map[string]string {
	mounts := map[string]string{}
	for _, disk := range list.Dicts("AllDisksAndPartitions") {
		for _, v := range disk.Dicts("APFSVolumes") {
			device := v.Text("DeviceIdentifier")
			for _, s := range v.Dicts("MountedSnapshots") {
				mounts[device] = s.Text("SnapshotMountPoint")
			}
			if mounts[device] == "" {
				mounts[device] = v.Text("MountPoint")
			}
		}
	}
	return mounts
}

// collectMacPartitions lists the partitions of the disks in the machine.
//
// Source: diskutil(8).
func collectMacPartitions(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	list, err := programDict(ctx, h, host.DiskList)
	if err != nil {
		return absent(err)
	}
	for _, disk := range list.Dicts("AllDisksAndPartitions") {
		name := disk.Text("DeviceIdentifier")
		for i, p := range disk.Dicts("Partitions") {
			device := p.Text("DeviceIdentifier")
			if device == "" {
				return fmt.Errorf("partition %d of %s has no name", i+1, name)
			}
			row := &inventoryv1.Partition{
				Name: fact("/dev/" + device), Disk: fact("/dev/" + name), Size: positiveInt(p.Int("Size")),
				Uuid: fact(strings.ToLower(p.Text("DiskUUID"))), Type: fact(p.Text("Content")), Label: fact(p.Text("VolumeName")),
			}
			if n, ok := strings.CutPrefix(device, name+"s"); ok {
				row.Number = number(n)
			}
			snap.Partitions = append(snap.Partitions, row)
		}
	}
	return nil
}

// macFilesystemOf completes a row with what is known about its volume.
func macFilesystemOf(row *inventoryv1.Filesystem, volumes []apfsVolume, device string) {
	for _, v := range volumes {
		if device == v.device || strings.HasPrefix(device, v.device+"s") {
			row.Uuid, row.Label = fact(v.uuid), fact(v.name)
			if v.encrypted != nil {
				row.Encrypted = proto.Bool(*v.encrypted)
			}
			if row.Size == nil {
				row.Size = v.size
			}
		}
	}
}
