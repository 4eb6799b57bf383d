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
		entries, err := fs.ReadDir(h.FS(), blockFolder+"/"+disk)
		if err != nil {
			return err
		}
		for _, e := range entries {
			folder := blockFolder + "/" + disk + "/" + e.Name()
			if !strings.HasPrefix(e.Name(), disk) || !exists(h, folder+"/partition") {
				continue
			}
			p, err := partitionOf(h, disk, e.Name(), folder)
			if err != nil {
				return err
			}
			snap.Partitions = append(snap.Partitions, p)
		}
	}
	return nil
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
	return &inventoryv1.Partition{
		Name: fact("/dev/" + name), Disk: fact("/dev/" + disk), Size: integer(size), Start: integer(start),
		Number:     number(peek(h, folder+"/partition")),
		Uuid:       fact(strings.ToLower(firstOf(udev["ID_PART_ENTRY_UUID"], kernel["PARTUUID"]))),
		Type:       fact(udev["ID_PART_ENTRY_TYPE"]),
		Label:      fact(firstOf(kernel["PARTNAME"], udev["ID_PART_ENTRY_NAME"])),
		Filesystem: fact(udev["ID_FS_TYPE"]),
	}, nil
}

// udevProperties returns what udev keeps about a block device in its database; empty without udev.
// The file has lines like "E:ID_FS_TYPE=ext4".
func udevProperties(h host.Host, folder string) map[string]string {
	numbers := peek(h, folder+"/dev")
	if numbers == "" || !fs.ValidPath("run/udev/data/b"+numbers) {
		return nil
	}
	properties := map[string]string{}
	for line := range strings.Lines(peek(h, "run/udev/data/b"+numbers)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "E:")
		if key, value, found := strings.Cut(rest, "="); ok && found {
			properties[key] = value
		}
	}
	return properties
}
