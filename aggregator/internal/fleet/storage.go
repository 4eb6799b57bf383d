// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// spelling is how a platform calls what all have.
type spelling struct {
	disk        string // format of a disk's number
	part        string // format of a disk's name and a partition's number
	filesystems [2]string
	paths       [3]string
	home, shell string
	link        string
}

var spellings = map[string]spelling{
	"LINUX": {
		disk: "/dev/nvme%dn1", part: "%sp%d", filesystems: [2]string{"vfat", "ext4"}, paths: [3]string{"/", "/boot/efi", "/srv"},
		home: "/home/", shell: "/bin/bash", link: "eth0",
	},
	"WINDOWS": {
		disk: `\\.\PHYSICALDRIVE%d`, part: "%s #%d", filesystems: [2]string{"FAT32", "NTFS"}, paths: [3]string{`C:\`, `D:\`, `E:\`},
		home: `C:\Users\`, link: "Ethernet",
	},
	"MACOS": {
		disk: "/dev/disk%d", part: "%ss%d", filesystems: [2]string{"efi", "apfs"}, paths: [3]string{"/", "/System/Volumes/Data", "/Volumes/Work"},
		home: "/Users/", shell: "/bin/zsh", link: "en0",
	},
}

// storage writes disks, partitions and filesystems.
func (f *factsOf) storage() {
	s, d := f.snapshot, f.die.of(saltHardware)
	for i := range f.model.disks {
		name := fmt.Sprintf(f.spelling.disk, i)
		disk := &inventoryv1.Disk{
			Name: &name, Size: proto.Int64(960_197_124_096), Bus: proto.String("nvme"), Type: proto.String("ssd"), Model: proto.String("Harbor PM9A3"),
			Serial: proto.String(fmt.Sprintf("S%012X", uint64(d.of(i))>>16)), Rotational: proto.Bool(false),
		}
		if i == 0 { // the one whose firmware changes
			disk.Firmware = proto.String("FW" + strconv.Itoa(10+f.generation[aspectDisk]))
		}
		s.Disks = append(s.Disks, disk)
		for part, filesystem := range f.spelling.filesystems {
			own := uint64(d.of(i).of(part))
			s.Partitions = append(s.Partitions, &inventoryv1.Partition{
				Name: proto.String(fmt.Sprintf(f.spelling.part, name, part+1)), Disk: &name, Number: proto.Int64(int64(part + 1)),
				Size: proto.Int64(int64(part)*958_000_000_000 + 536_870_912), Filesystem: proto.String(filesystem),
				Uuid: proto.String(fmt.Sprintf("%08x-8cd1-4f3e-9a55-%012x", uint32(own), own>>16)),
			})
		}
	}
	f.filesystems(d)
}

// filesystems writes what is mounted; the last one grows.
func (f *factsOf) filesystems(d die) {
	first := f.snapshot.Partitions[0].GetName()
	for i, path := range f.spelling.paths {
		size := int64(100+d.of(i).n(400)) << 30
		if i == len(f.spelling.paths)-1 {
			size += int64(f.generation[aspectFilesystem]) << 30
		}
		f.snapshot.Filesystems = append(f.snapshot.Filesystems, &inventoryv1.Filesystem{
			Path: &path, Device: &first, Type: &f.spelling.filesystems[1], Options: proto.String("rw,relatime"), Size: &size,
		})
	}
}
