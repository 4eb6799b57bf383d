// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
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

// storageMounts returns the mounts that hold somebody's data: from a block device, of zfs, or over the network; each
// device once, at its first place, except for the parts of one btrfs. Binds show what is listed already.
func storageMounts(ctx context.Context, h host.Host) ([]host.Mount, error) {
	mounts, err := h.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	var kept []host.Mount
	seen := map[string]bool{}
	for _, m := range mounts {
		storage := strings.HasPrefix(m.Device, "/dev/") || m.Type == "zfs" || slices.Contains(networkTypes, m.Type)
		partial := m.Bind && m.Type != "btrfs"
		if !storage || partial || slices.Contains(imageTypes, m.Type) {
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

// usageOf asks one mounted file system for its size and does not wait long for the answer.
func usageOf(ctx context.Context, h host.Host, path string) (host.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	return h.Usage(ctx, path)
}
