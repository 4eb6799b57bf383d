// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "monitors", Collect: collectMonitors}) }

// displayFolder has one folder per connector of each graphics card, such as card0-HDMI-A-1.
const displayFolder = "sys/class/drm"

// collectMonitors lists the displays that are plugged in, switched on or not. A card may be without monitors; a machine
// without a card has no such section.
//
// Source: the file edid of each connector, which the kernel's DRM drivers leave empty where nothing is plugged in.
func collectMonitors(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	entries, err := fs.ReadDir(h.FS(), displayFolder)
	if err != nil {
		return absent(err)
	}
	connectors := 0
	for _, e := range entries {
		_, connector, ok := strings.Cut(e.Name(), "-")
		if !ok || !strings.HasPrefix(e.Name(), "card") {
			continue
		}
		connectors++
		raw, err := host.ReadFile(h.FS(), displayFolder+"/"+e.Name()+"/edid", smallFile)
		if err != nil || len(raw) == 0 {
			continue // nothing is plugged in, or it went this moment
		}
		m, err := parseEDID(raw)
		if err != nil {
			continue // a cable or a switch that says nothing of use is no monitor
		}
		m.Connector = fact(connector)
		snap.Monitors = append(snap.Monitors, m)
	}
	if connectors == 0 {
		return ErrAbsent
	}
	return nil
}
