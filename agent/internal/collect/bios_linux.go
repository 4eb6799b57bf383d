// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "bios", Collect: collectBios}) }

// collectBios reads the firmware's description of itself.
//
// Source: SMBIOS structure 0 in /sys/class/dmi/id.
func collectBios(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	d := &dmi{h: h}
	if !d.present() {
		return ErrAbsent
	}
	snap.Bios = &inventoryv1.Bios{
		Vendor: fact(d.text("bios_vendor")), Version: fact(d.text("bios_version")), Release: fact(d.text("bios_release")),
		Date: biosDate(d.raw("bios_date")), Type: fact(firmwareType(h)),
	}
	return d.err()
}

// firmwareType is uefi or bios. A machine without UEFI has a BIOS only if there is an SMBIOS table to show for it:
// small hypervisors start the kernel without any firmware.
func firmwareType(h host.Host) string {
	switch {
	case exists(h, "sys/firmware/efi"):
		return "uefi"
	case exists(h, dmiFolder):
		return "bios"
	}
	return ""
}
