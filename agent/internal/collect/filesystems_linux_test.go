// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// mounted is a machine with every sort of mount.
func mounted() *hosttest.Machine {
	return &hosttest.Machine{
		Files: fstest.MapFS{
			"sys/class/block/dm-0/dev": text("254:0\n"), "sys/class/block/dm-0/dm/uuid": text("CRYPT-LUKS2-0a\n"),
			"run/udev/data/b254:0": text("E:ID_FS_UUID=1234-ab\nE:ID_FS_LABEL=root\n"),
		},
		Mounted: []host.Mount{
			{Device: "proc", Path: "/proc", Type: "proc"},
			{Device: "tmpfs", Path: "/run", Type: "tmpfs"},
			{Device: "/dev/dm-0", Path: "/", Type: "ext4", Options: []string{"rw", "relatime"}},
			{Device: "/dev/dm-0", Path: "/etc/hosts", Type: "ext4", Bind: true},
			{Device: "/dev/sda1", Path: "/boot", Type: "vfat", Options: []string{"ro"}},
			{Device: "/dev/loop3", Path: "/snap/core/1", Type: "squashfs"},
			{Device: "nas:/home", Path: "/home", Type: "nfs4", Options: []string{"rw"}},
			{Device: "overlay", Path: "/var/lib/docker/x", Type: "overlay"},
		},
		Sizes: map[string]host.Usage{"/": {SizeBytes: 1000, FreeBytes: 400, Inodes: 64}, "/boot": {SizeBytes: 500, FreeBytes: 100, Inodes: 9}},
		Hang:  map[string]bool{"/home": true},
		Moving: host.Vitals{
			BootTime: time.Unix(1700000000, 0), Uptime: 90 * time.Minute, Load: []float64{0.12, 3.456, 0},
		},
	}
}

func TestFilesystemsHoldWhatDoesNotMove(t *testing.T) {
	t.Parallel()
	snap, err := gather(t, "filesystems", mounted())
	want := "{device:/dev/dm-0,encrypted:true,inodes:64,label:root,options:rw,relatime,path:/,size:1000,type:ext4,uuid:1234-ab}\n" +
		"{device:/dev/sda1,options:ro,path:/boot,read_only:true,size:500,type:vfat}\n" +
		"{device:nas:/home,options:rw,path:/home,type:nfs4}"
	if got := show(snap.Filesystems...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestFilesystemsOfFstabAreListedWhenNotMounted(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{
		Files: fstest.MapFS{"etc/fstab": text("# <file system> <mount point> <type> <options>\n" +
			"UUID=0a-1b / ext4 errors=remount-ro 0 1\nLABEL=\"big\\040data\" /srv/big\\040data xfs defaults,ro\n" +
			"nas:/home /home nfs4 x-systemd.automount,noauto 0 0\n/dev/sr0 /media/cdrom iso9660 noauto,user 0 0\n" +
			"UUID=2c swap swap sw 0 0\nUUID=2d none swap sw\ntmpfs /tmp tmpfs size=1G\n/srv/a /srv/b none bind\nshort\n")},
		Mounted: []host.Mount{
			{Device: "/dev/sda1", Path: "/", Type: "ext4"},
			{Device: "systemd-1", Path: "/home", Type: "autofs"},
			{Device: "nas:/home", Path: "/home", Type: "nfs4", Options: []string{"rw"}}, // only while somebody is there
			{Device: "nas:/jo", Path: "/home/jo", Type: "nfs4"},
			{Device: "/dev/sdb", Path: "/var/lib/kubelet/pods/1/volumes/x", Type: "ext4"},
			{Device: "/dev/sdc1", Path: "/run/media/jo/STICK", Type: "vfat"},
		},
		Sizes: map[string]host.Usage{"/": {SizeBytes: 1}},
	}
	snap, err := gather(t, "filesystems", m)
	want := "{device:/dev/sda1,path:/,size:1,type:ext4}\n" +
		"{label:big data,options:defaults,ro,path:/srv/big data,read_only:true,type:xfs}\n" +
		"{device:nas:/home,options:x-systemd.automount,noauto,path:/home,type:nfs4}"
	if got := show(snap.Filesystems...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestFilesystemsAreCalledByTheNameOfTheirVolume(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{
		Files: fstest.MapFS{
			"sys/class/block/dm-1/dm/name": text("vg-root\n"), "sys/class/block/dm-1/dm/uuid": text("LVM-x\n"),
			"sys/class/block/dm-1/slaves/dm-0/x": text(""), "sys/class/block/dm-0/dm/uuid": text("CRYPT-LUKS2-y\n"),
			"sys/class/block/sda1/size": text("8\n"), "sys/class/block/sdb1": link("../../devices/pci/usb2/2-1/block/sdb/sdb1"),
			"dev/disk/by-uuid/AB-12": link("../../sda1"), `dev/disk/by-label/my\x20data`: link("../../sda1"),
		},
		Mounted: []host.Mount{
			{Device: "/dev/dm-1", Path: "/", Type: "ext4"},
			{Device: "/dev/sda1", Path: "/data", Type: "ext4"},
			{Device: "/dev/sdb1", Path: "/mnt", Type: "vfat"},
		},
		Sizes: map[string]host.Usage{"/": {SizeBytes: 1}, "/data": {SizeBytes: 1}},
	}
	snap, err := gather(t, "filesystems", m)
	want := "{device:/dev/mapper/vg-root,encrypted:true,path:/,size:1,type:ext4}\n" +
		"{device:/dev/sda1,encrypted:false,label:my data,path:/data,size:1,type:ext4,uuid:AB-12}"
	if got := show(snap.Filesystems...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestMountOptionsHoldNoPasswords(t *testing.T) {
	t.Parallel()
	in := []string{"rw", "password=geheim", "pass=a", "password2=b", "username=jo%geheim", "user=jo", "secret=AQ==", "credentials=/etc/cifs.cred", "secretfile=/etc/ceph"}
	want := "rw,password=***,pass=***,password2=***,username=jo***,user=jo,secret=***"
	if got := mountOptions(in); !strings.HasPrefix(got, want) || strings.Contains(got, "geheim") {
		t.Errorf("got %s, want %s…", got, want)
	}
}

func FuzzFstab(f *testing.F) {
	f.Add("UUID=0a-1b / ext4 errors=remount-ro 0 1\nLABEL=\"x\" /srv/big\\040data xfs\n")
	f.Fuzz(func(_ *testing.T, text string) { parseFstab(text) })
}

func TestVitalsDoNotWaitForAMountThatHangs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	v, err := Vitals(ctx, mounted())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	want := "{boot_time_unix:1700000000,filesystems:[{free_bytes:400,mount_point:/,size_bytes:1000}," +
		"{free_bytes:100,mount_point:/boot,size_bytes:500}],load_hundredths:[12,346,0],uptime_seconds:5400}"
	if got := strings.ReplaceAll(show(v), `"`, ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestVitalsOfThisMachine(t *testing.T) {
	t.Parallel()
	v, err := Vitals(context.Background(), host.Local())
	if err != nil || v.GetUptimeSeconds() <= 0 || v.GetBootTimeUnix() <= 0 || len(v.GetLoadHundredths()) != 3 {
		t.Errorf("got %s, %v", show(v), err)
	}
}
