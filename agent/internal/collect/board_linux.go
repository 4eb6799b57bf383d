// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "board", Collect: collectBoard}) }

// collectBoard reads the description of the main board; a machine whose table does not describe one has none.
//
// Source: SMBIOS structure 2 in /sys/class/dmi/id.
func collectBoard(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	d := &dmi{h: h}
	if !d.present() {
		return ErrAbsent
	}
	b := &inventoryv1.Board{
		Vendor: fact(d.text("board_vendor")), Name: fact(d.text("board_name")), Version: fact(d.text("board_version")),
		Serial: fact(d.text("board_serial")), AssetTag: fact(d.text("board_asset_tag")),
	}
	if b.Vendor == nil && b.Name == nil && b.Serial == nil {
		if err := d.err(); err != nil {
			return err
		}
		return ErrAbsent
	}
	snap.Board = b
	return d.err()
}
