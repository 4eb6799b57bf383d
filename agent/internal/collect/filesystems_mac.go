// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "filesystems", On: []string{"darwin"}, Essential: true, Collect: collectMacFilesystems})
}

// collectMacFilesystems lists what is mounted from the disks of the machine. Left out are disk images and what is plugged
// in, below /Volumes, and what the system mounts for the time of an update. The inodes of APFS are made as needed.
//
// Source: getfsstat(2), diskutil(8).
func collectMacFilesystems(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	mounts, err := storageMounts(ctx, h)
	if err != nil {
		return err
	}
	volumes, known, err := macVolumes(ctx, h)
	if err != nil {
		return err
	}
	var refused gap
	for _, m := range mounts {
		device := strings.TrimPrefix(m.Device, "/dev/")
		inside := slices.ContainsFunc(volumes, func(v apfsVolume) bool {
			return device == v.device || strings.HasPrefix(device, v.device+"s")
		})
		if strings.HasPrefix(m.Path, "/System/Volumes/Update/") || strings.HasPrefix(m.Path, "/Volumes/") && known && !inside {
			continue
		}
		row := &inventoryv1.Filesystem{
			Path: fact(m.Path), Device: fact(m.Device), Type: fact(m.Type), Options: fact(strings.Join(m.Options, ",")),
		}
		if slices.Contains(m.Options, "ro") {
			row.ReadOnly = proto.Bool(true)
		}
		macFilesystemOf(row, volumes, device)
		if row.Size == nil && strings.HasPrefix(m.Device, "/dev/") {
			u, err := usageOf(ctx, h, m.Path)
			if err := refused.allow(strings.TrimPrefix(m.Path, "/"), err); err != nil {
				return err
			}
			if u.SizeBytes > 0 {
				row.Size = integer(u.SizeBytes)
			}
		}
		snap.Filesystems = append(snap.Filesystems, row)
	}
	return refused.err()
}

// macVolumes returns the volumes on the disks of the machine, and whether the system tells.
func macVolumes(ctx context.Context, h host.Host) ([]apfsVolume, bool, error) {
	list, err := programDict(ctx, h, host.DiskList)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrAbsent) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	apfs, err := programDict(ctx, h, host.APFSList)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrAbsent) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return apfsVolumes(apfs, list), true, nil
}
