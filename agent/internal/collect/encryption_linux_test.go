// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// stack is a disk with three partitions: EFI, /boot and one that the caller fills.
func stack(more map[string]string, trees ...fstest.MapFS) fstest.MapFS {
	files := map[string]string{
		"size": "4096", "device/x": "",
		"sda1/partition": "1", "sda1/size": "8", "sda1/start": "8", "sda1/dev": "8:1",
		"sda2/partition": "2", "sda2/size": "8", "sda2/start": "16", "sda2/dev": "8:2",
		"sda3/partition": "3", "sda3/size": "8", "sda3/start": "24", "sda3/dev": "8:3",
	}
	for name, content := range more {
		files[name] = content
	}
	return with(append(trees, block("sda", "pci/ata1", files), fstest.MapFS{
		"run/udev/data/b8:1": text("E:ID_FS_TYPE=vfat\nE:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n"),
		"run/udev/data/b8:2": text("E:ID_FS_TYPE=ext4\n"),
	})...)
}

func TestDisksAreEncryptedByWhatIsOnTheirPartitions(t *testing.T) {
	t.Parallel()
	boot := []host.Mount{{Device: "/dev/sda2", Path: "/boot", Type: "ext4"}}
	luks := fstest.MapFS{"run/udev/data/b8:3": text("E:ID_FS_TYPE=crypto_LUKS\n")}
	dm := func(name, uuid string) fstest.MapFS {
		return block(name, "virtual", map[string]string{"size": "8", "dm/uuid": uuid + "\n"})
	}
	tests := []struct {
		name    string
		files   fstest.MapFS
		mounted []host.Mount
		want    string
	}{
		{"LUKS beside what the machine starts from", stack(nil, luks), boot, "encrypted"},
		{"LUKS, and a file system beside it", stack(nil, luks), nil, "partially encrypted"},
		{"a file system", stack(nil, fstest.MapFS{"run/udev/data/b8:3": text("E:ID_FS_TYPE=ext4\n")}), boot, "not encrypted"},
		{"BitLocker", stack(nil, fstest.MapFS{"run/udev/data/b8:3": text("E:ID_FS_TYPE=BitLocker\n")}), boot, "encrypted"},
		{"without udev, by the device above", stack(map[string]string{"sda3/holders/dm-0/x": ""}, dm("dm-0", "CRYPT-LUKS2-0a-root")), boot, "encrypted"},
		{
			"one of two logical volumes", stack(
				map[string]string{"sda3/holders/dm-0/x": "", "sda3/holders/dm-1/x": ""},
				dm("dm-0", "LVM-a"), dm("dm-1", "LVM-b"), dm("dm-2", "CRYPT-LUKS1-0b"),
				block("dm-0", "virtual", map[string]string{"holders/dm-2/x": ""}),
			), append([]host.Mount{{Device: "/dev/dm-1", Path: "/srv"}}, boot...), "partially encrypted",
		},
		{"nothing is known of the partition", stack(nil), boot, ""},
		{"a whole disk", with(block("sda", "pci/ata1", map[string]string{"size": "8", "device/x": "", "dev": "8:0"}),
			fstest.MapFS{"run/udev/data/b8:0": text("E:ID_FS_TYPE=crypto_LUKS\n")}), nil, "encrypted"},
		{
			"a whole disk, mounted", block("sda", "pci/ata1", map[string]string{"size": "8", "device/x": ""}),
			[]host.Mount{{Device: "/dev/sda", Path: "/"}},
			"not encrypted",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, "disks", &hosttest.Machine{Files: tt.files, Mounted: tt.mounted})
			if err != nil || len(snap.Disks) != 1 || snap.Disks[0].GetEncryptionStatus() != tt.want {
				t.Errorf("got %s, %v, want %q", show(snap.Disks...), err, tt.want)
			}
		})
	}
}

func TestPartitionsAreNamedByLinksWithoutADatabase(t *testing.T) {
	t.Parallel()
	files := with(block("sda", "pci/ata1", map[string]string{
		"size": "4096", "device/x": "", "sda1/partition": "1", "sda1/size": "8", "sda1/start": "8",
	}), fstest.MapFS{
		"dev/disk/by-partuuid/0A1B": link("../../sda1"), "dev/disk/by-partuuid/ffff": link("../../sda11"),
		`dev/disk/by-partlabel/EFI\x20System`: link("../../sda1"),
	})
	snap, err := gather(t, "partitions", &hosttest.Machine{Files: files})
	want := "{disk:/dev/sda,label:EFI System,name:/dev/sda1,number:1,size:4096,start:4096,uuid:0a1b}"
	if got := show(snap.Partitions...); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestUdevText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "a": "a", `a\x20b\x2fc`: "a b/c", `\x2`: `\x2`, `\xzz\x41`: `\xzzA`} {
		if got := udevText(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
