// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// usageTime is how long one mounted file system may take to tell its size.
const usageTime = 2 * time.Second

// networkTypes are file systems whose data is elsewhere. They are listed, and never asked for their size.
var networkTypes = []string{"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "virtiofs", "afs", "lustre", "beegfs"}

// imageTypes are file systems of read-only images, such as snaps, that are packages rather than storage.
var imageTypes = []string{"squashfs", "iso9660", "udf", "erofs", "fuse.snapfuse"}

// containerPaths are where container engines mount what their containers use: it comes and goes with them.
var containerPaths = []string{"/var/lib/docker", "/var/lib/containers", "/var/lib/kubelet", "/run"}

// storageMounts returns the mounts that hold somebody's data: from a block device, of zfs, or over the network; each
// device once, at its first place, except for the parts of one btrfs. Binds show what is listed already. Left out is
// what is mounted and unmounted as it is needed: by an automounter, by containers, and from USB.
func storageMounts(ctx context.Context, h host.Host) ([]host.Mount, error) {
	mounts, err := h.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	passing := slices.Clone(containerPaths)
	for _, m := range mounts {
		if m.Type == "autofs" {
			passing = append(passing, m.Path)
		}
	}
	var kept []host.Mount
	seen := map[string]bool{}
	for _, m := range mounts {
		storage := strings.HasPrefix(m.Device, "/dev/") || m.Type == "zfs" || slices.Contains(networkTypes, m.Type)
		if isLetter(m.Device) { // as Volumes spells it, so that size and use can be joined
			m.Path, storage = m.Device+`\`, true
		}
		partial := m.Bind && m.Type != "btrfs"
		if !storage || partial || slices.Contains(imageTypes, m.Type) || below(m.Path, passing) || onUSB(h, m.Device) {
			continue
		}
		key := m.Device
		if m.Type == "btrfs" {
			key += "\x00" + m.Path
		}
		if !seen[key] {
			seen[key] = true
			kept = append(kept, m)
		}
	}
	return kept, nil
}

// below tells whether a path is one of the folders or in one of them.
func below(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
	})
}

// onUSB tells whether a block device hangs on USB.
func onUSB(h host.Host, device string) bool {
	name, ok := strings.CutPrefix(device, "/dev/")
	if !ok || !fs.ValidPath("sys/class/block/"+name) {
		return false
	}
	target, err := fs.ReadLink(h.FS(), "sys/class/block/"+name)
	return err == nil && strings.Contains(target, "/usb")
}

// mountPoints returns where block devices are mounted first, by their names; empty when the kernel does not tell.
func mountPoints(ctx context.Context, h host.Host) map[string]string {
	mounts, err := h.Mounts(ctx)
	if err != nil {
		return nil
	}
	points := map[string]string{}
	for _, m := range mounts {
		if name, ok := strings.CutPrefix(m.Device, "/dev/"); ok && points[name] == "" {
			points[name] = m.Path
		}
	}
	return points
}

// isLetter tells whether a device is a drive of Windows, C: for one.
func isLetter(device string) bool {
	return len(device) == 2 && device[1] == ':' && device[0] >= 'A' && device[0] <= 'Z'
}

// usageOf asks one mounted file system for its size and does not wait long for the answer.
func usageOf(ctx context.Context, h host.Host, path string) (host.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	return h.Usage(ctx, path)
}
