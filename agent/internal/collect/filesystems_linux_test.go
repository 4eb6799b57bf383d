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
