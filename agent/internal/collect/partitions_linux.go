// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "partitions", Essential: true, Collect: collectPartitions}) }

// collectPartitions lists the parts of the machine's disks.
//
// Source: Documentation/ABI/stable/sysfs-block in the Linux kernel; what udev found in them, where udev runs.
func collectPartitions(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	disks, err := wholeDisks(h)
	if err != nil {
		return err
	}
	for _, disk := range disks {
		for _, name := range partitionsOf(h, disk) {
			p, err := partitionOf(h, disk, name, blockFolder+"/"+disk+"/"+name)
			if err != nil {
				return err
			}
			snap.Partitions = append(snap.Partitions, p)
		}
	}
	return nil
}

// partitionsOf returns the names of a disk's partitions; none for a disk that went away.
func partitionsOf(h host.Host, disk string) []string {
	entries, err := fs.ReadDir(h.FS(), blockFolder+"/"+disk)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), disk) && exists(h, blockFolder+"/"+disk+"/"+e.Name()+"/partition") {
			names = append(names, e.Name())
		}
	}
	return names
}

// partitionOf describes one partition.
func partitionOf(h host.Host, disk, name, folder string) (*inventoryv1.Partition, error) {
	size, err := sectors(h, folder+"/size")
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", name, err)
	}
	start, err := sectors(h, folder+"/start")
	if err != nil {
		return nil, fmt.Errorf("start of %s: %w", name, err)
	}
	kernel, udev := parseAssignments(peek(h, folder+"/uevent")), udevProperties(h, folder)
	uuid := firstOf(udev["ID_PART_ENTRY_UUID"], kernel["PARTUUID"], linkTo(h, "by-partuuid", name))
	label := firstOf(kernel["PARTNAME"], udevText(udev["ID_PART_ENTRY_NAME"]), udevText(linkTo(h, "by-partlabel", name)))
	return &inventoryv1.Partition{
		Name: fact("/dev/" + name), Disk: fact("/dev/" + disk), Size: integer(size), Start: integer(start),
		Number:     number(peek(h, folder+"/partition")),
		Uuid:       fact(strings.ToLower(uuid)),
		Type:       fact(udev["ID_PART_ENTRY_TYPE"]),
		Label:      fact(label),
		Filesystem: fact(udev["ID_FS_TYPE"]),
	}, nil
}
