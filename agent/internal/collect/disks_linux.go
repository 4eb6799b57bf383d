// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "disks", Essential: true, Collect: collectDisks}) }

// blockFolder has one link per block device.
const blockFolder = "sys/block"

// sectorSize is the unit of /sys/block/*/size, whatever the device's own sectors are.
const sectorSize = 512

// notDisks are block devices with hardware behind them that are no disks: optical and floppy drives, and the boot and
// replay-protected areas of an eMMC.
var notDisks = regexp.MustCompile(`^(sr|fd)\d+$|^mmcblk\d+(boot\d+|rpmb|gp\d+)$`)

// collectDisks lists whole block devices, leaving out those without a backing device (loop, ram, zram, device mapper,
// md) and what hangs on USB, which comes and goes.
//
// Source: Documentation/ABI/stable/sysfs-block in the Linux kernel.
func collectDisks(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	names, err := wholeDisks(h)
	if err != nil {
		return err
	}
	mounted := mountPoints(ctx, h)
	for _, name := range names {
		d, err := diskOf(h, name)
		if err != nil {
			return err
		}
		d.EncryptionStatus = fact(encryptionOf(h, name, mounted))
		snap.Disks = append(snap.Disks, d)
	}
	return nil
}

// wholeDisks returns the names of the disks that are part of the machine.
func wholeDisks(h host.Host) ([]string, error) {
	entries, err := fs.ReadDir(h.FS(), blockFolder)
	if err != nil {
		return nil, absent(err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		folder := blockFolder + "/" + name
		if notDisks.MatchString(name) || !exists(h, folder+"/device") ||
			strings.Contains(devicePath(h, folder), "/usb") || peek(h, folder+"/hidden") == "1" {
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// devicePath is where in the tree of devices a link of sysfs points; its own path if it is none.
func devicePath(h host.Host, folder string) string {
	if target, err := fs.ReadLink(h.FS(), folder); err == nil {
		return target
	}
	return folder
}

// diskOf describes one disk.
func diskOf(h host.Host, name string) (*inventoryv1.Disk, error) {
	folder := blockFolder + "/" + name
	size, err := sectors(h, folder+"/size")
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", name, err)
	}
	bus := busOf(h, name)
	d := &inventoryv1.Disk{
		Name: fact("/dev/" + name), Size: integer(size), Bus: fact(bus),
		Model: fact(peek(h, folder+"/device/model")), Serial: fact(diskSerial(h, folder)),
		Firmware: fact(firstOf(peek(h, folder+"/device/firmware_rev"), peek(h, folder+"/device/rev"))),
		Wwn:      fact(firstOf(peek(h, folder+"/wwid"), peek(h, folder+"/device/wwid"))),
		Label:    fact(contentOf(h, folder, name).label),
	}
	if vendor := peek(h, folder+"/device/vendor"); !strings.HasPrefix(vendor, "0x") {
		d.Vendor = fact(vendor) // a bus number is no vendor's name
	}
	if peek(h, folder+"/ro") == "1" {
		d.ReadOnly = proto.Bool(true)
	}
	if peek(h, folder+"/removable") == "1" {
		d.Removable = proto.Bool(true)
	}
	setRotation(h, d, folder, bus)
	return d, nil
}

// setRotation tells hard disks from solid state. A virtual disk claims to rotate, or not, without knowing.
func setRotation(h host.Host, d *inventoryv1.Disk, folder, bus string) {
	if bus == "virtio" || bus == "xen" || bus == "hyper-v" || hypervisor(h) != "" && bus != "nvme" {
		return
	}
	switch peek(h, folder+"/queue/rotational") {
	case "0":
		d.Rotational, d.Type = proto.Bool(false), proto.String("ssd")
	case "1":
		d.Rotational, d.Type = proto.Bool(true), proto.String("hdd")
	}
}

// buses are parts of a device's path, the nearest to the disk first.
var buses = []struct{ part, name string }{
	{"/nvme", "nvme"},
	{"/mmc_host", "mmc"},
	{"/virtio", "virtio"},
	{"/vbd-", "xen"},
	{"/vmbus", "hyper-v"},
	{"/ata", "sata"},
	{"/end_device-", "sas"},
	{"/host", "scsi"},
}

// busOf says how a disk is attached.
func busOf(h host.Host, name string) string {
	path := devicePath(h, blockFolder+"/"+name)
	for _, b := range buses {
		if strings.Contains(path, b.part) {
			return b.name
		}
	}
	return ""
}

// diskSerial asks the three places that drivers keep serial numbers in. SCSI's is page 80: four bytes, then text.
func diskSerial(h host.Host, folder string) string {
	if s := firstOf(peek(h, folder+"/device/serial"), peek(h, folder+"/serial")); s != "" {
		return s
	}
	page, err := host.ReadFile(h.FS(), folder+"/device/vpd_pg80", smallFile)
	if err != nil || len(page) < 4 {
		return ""
	}
	return strings.Trim(string(page[4:]), "\x00 ")
}

// sectors reads a number of sectors and returns it in bytes.
func sectors(h host.Host, file string) (int64, error) {
	text, err := readLine(h, file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, err
	}
	if n > maxInteger/sectorSize {
		return 0, errors.New("more than a number can hold: " + text)
	}
	return int64(n) * sectorSize, nil
}
