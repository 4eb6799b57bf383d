// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "shares", On: []string{"windows"}, Essential: true, Collect: collectWindowsShares})
	register(Collector{Name: "printers", On: []string{"windows"}, Essential: true, Collect: collectWindowsPrinters})
}

const (
	keyShares   = keyServices + `\LanmanServer\Shares`
	keyPrinters = keyControl + `\Print\Printers`
)

// collectWindowsShares lists the folders and printers that somebody shared; those that Windows shares for the
// administrator are not written down anywhere.
//
// Source: Shares of the service LanmanServer in the registry.
func collectWindowsShares(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	v, err := r.reg.Values(keyShares)
	if err != nil {
		return absent(err)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		settings := map[string]string{}
		for _, line := range v[name].Texts() {
			key, value, _ := strings.Cut(line, "=")
			settings[key] = value
		}
		row := &inventoryv1.Share{
			Name: fact(name), Path: fact(settings["Path"]), Protocol: proto.String("smb"), Description: fact(settings["Remark"]),
		}
		switch settings["Type"] {
		case "0":
			row.Type = proto.String("folder")
		case "1":
			row.Type = proto.String("printer")
		}
		if name != "" {
			snap.Shares = append(snap.Shares, row)
		}
	}
	return nil
}

// collectWindowsPrinters lists the queues of the machine; those of people that point to a server are theirs.
//
// Source: Print\Printers in the registry; PRINTER_INFO_2 in Microsoft's documentation for the bits.
func collectWindowsPrinters(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	const shared = 0x8
	var refused gap
	err = r.each(keyPrinters, &refused, func(name string, v regValues) error {
		row := &inventoryv1.Printer{
			Name: fact(name), Uri: fact(maskSecrets(v.text("Port"))), Driver: fact(v.text("Printer Driver")), Location: fact(v.text("Location")),
			Description: fact(v.text("Description")),
		}
		if bits, ok := v.number("Attributes"); ok {
			row.Shared = proto.Bool(bits&shared != 0)
		}
		snap.Printers = append(snap.Printers, row)
		return nil
	})
	if err != nil {
		return err
	}
	return refused.err()
}
