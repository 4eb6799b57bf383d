// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "filesystems", Essential: true, Collect: collectFilesystems})
}

// collectFilesystems lists what is mounted from disks and over the network. Sizes that move with what is stored are
// left out: those of zfs and of the network, and the inodes of all but the ext family.
//
// Source: /proc/1/mountinfo or /proc/self/mountinfo, statfs(2), the database of udev.
func collectFilesystems(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	mounts, err := storageMounts(ctx, h)
	if err != nil {
		return err
	}
	var refused gap
	for _, m := range mounts {
		f := &inventoryv1.Filesystem{
			Path: fact(m.Path), Device: fact(m.Device), Type: fact(m.Type), Options: fact(strings.Join(m.Options, ",")),
		}
		if slices.Contains(m.Options, "ro") {
			f.ReadOnly = proto.Bool(true)
		}
		if name, ok := strings.CutPrefix(m.Device, "/dev/"); ok && !strings.Contains(name, "/") {
			setUdevFacts(h, f, name)
		}
		if !strings.HasPrefix(m.Device, "/dev/") {
			snap.Filesystems = append(snap.Filesystems, f)
			continue
		}
		u, err := usageOf(ctx, h, m.Path)
		if err := refused.allow(strings.TrimPrefix(m.Path, "/"), err); err != nil {
			return err
		}
		if u.SizeBytes > 0 {
			f.Size = integer(u.SizeBytes)
		}
		if u.Inodes > 0 && strings.HasPrefix(m.Type, "ext") {
			f.Inodes = integer(u.Inodes)
		}
		snap.Filesystems = append(snap.Filesystems, f)
	}
	return refused.err()
}

// setUdevFacts writes what is known about the file system's device. Encryption is known for a device mapper target
// only: its uuid begins with CRYPT when dm-crypt made it.
func setUdevFacts(h host.Host, f *inventoryv1.Filesystem, name string) {
	folder := "sys/class/block/" + name
	properties := udevProperties(h, folder)
	f.Uuid, f.Label = fact(properties["ID_FS_UUID"]), fact(properties["ID_FS_LABEL"])
	if uuid := peek(h, folder+"/dm/uuid"); uuid != "" {
		f.Encrypted = proto.Bool(strings.HasPrefix(uuid, "CRYPT-"))
	}
}
