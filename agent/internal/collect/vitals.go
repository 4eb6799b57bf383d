// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"math"
	"time"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// vitalsTime bounds all mounts together.
const vitalsTime = 5 * time.Second

// Vitals measures what moves all the time: uptime, load, and what is free on mounted storage. What could be measured
// is returned beside the error; a mount that does not answer within two seconds is left out and named in it.
func Vitals(ctx context.Context, h host.Host) (*syncv1.Vitals, error) {
	ctx, cancel := context.WithTimeout(ctx, vitalsTime)
	defer cancel()
	moving, err := h.Vitals(ctx)
	v := &syncv1.Vitals{UptimeSeconds: int64(moving.Uptime / time.Second)}
	if !moving.BootTime.IsZero() {
		v.BootTimeUnix = moving.BootTime.Unix()
	}
	for _, l := range moving.Load {
		v.LoadHundredths = append(v.LoadHundredths, uint32(math.Round(min(max(l, 0), 1e6)*100)))
	}
	errs := []error{err}
	mounts, err := storageMounts(ctx, h)
	errs = append(errs, err)
	for _, m := range mounts {
		u, err := usageOf(ctx, h, m.Path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v.Filesystems = append(v.Filesystems, &syncv1.FilesystemUse{
			MountPoint: clean(m.Path), SizeBytes: u.SizeBytes, FreeBytes: u.FreeBytes,
		})
	}
	return v, errors.Join(errs...)
}
