// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "printers", Collect: collectPrinters, Sources: []string{printersFile}})
}

const printersFile = "etc/cups/printers.conf"

// collectPrinters lists the queues of CUPS. Their file is for the administrator alone, because addresses in it may hold
// passwords; those are masked.
//
// Source: printers.conf(5).
func collectPrinters(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := host.ReadFile(h.FS(), printersFile, smallFile)
	if err != nil {
		return absent(err)
	}
	if snap.Printers = parsePrinters(string(raw)); len(snap.Printers) == 0 {
		return ErrAbsent
	}
	return nil
}

// parsePrinters reads the blocks <Printer name> and <DefaultPrinter name>.
func parsePrinters(text string) []*inventoryv1.Printer {
	var rows []*inventoryv1.Printer
	var row *inventoryv1.Printer
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "<Printer", "<DefaultPrinter":
			row = nil
			if name := strings.TrimSuffix(value, ">"); name != "" {
				row = &inventoryv1.Printer{Name: fact(name)}
				rows = append(rows, row)
			}
			if row != nil && key == "<DefaultPrinter" {
				row.IsDefault = proto.Bool(true)
			}
		case "</Printer>", "</DefaultPrinter>":
			row = nil
		default:
			if row != nil {
				setPrinter(row, key, strings.TrimSpace(value))
			}
		}
	}
	return rows
}

// setPrinter applies one directive to a printer.
func setPrinter(row *inventoryv1.Printer, key, value string) {
	switch key {
	case "DeviceURI":
		row.Uri = fact(maskAddress(value))
	case "MakeModel":
		row.Model = fact(value)
	case "Info":
		row.Description = fact(value)
	case "Location":
		row.Location = fact(value)
	case "Shared":
		row.Shared = proto.Bool(truth(value))
	}
}
