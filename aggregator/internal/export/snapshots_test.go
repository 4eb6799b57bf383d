// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

func TestSnapshotsAreReducedToTheContractsForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.golden("snapshots.golden", now.ReplaceAllString(unpacked(t, o.run(&export.Snapshots{})), "NOW"))
}

func TestSnapshotsOfSomeMachines(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.report(`{"source":{"module":"x","name":"Münki!"},"serial_number":"B"}`)
	o.report(`{"source":{"module":"other","name":"osquery"},"serial_number":"AA"}`)
	tests := []struct {
		name string
		e    export.Snapshots
		want string // the files and the serial numbers in them
	}{
		{"all", export.Snapshots{}, "munki.jsonl C02B munki-2.jsonl B osquery.jsonl AA C02B EC2-i-1 ZZ"},
		{"one source in any case", export.Snapshots{Source: "MUNKI"}, "munki.jsonl C02B"},
		{"no such source", export.Snapshots{Source: "jamf"}, ""},
		{"a scope", export.Snapshots{Scope: auth.TaggedWith(o.tags["IT"])}, "munki.jsonl C02B osquery.jsonl C02B"},
		{"no scope at all", export.Snapshots{Scope: auth.TaggedWith()}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var found []string
			for line := range strings.Lines(unpacked(t, o.run(&test.e))) {
				switch {
				case strings.HasPrefix(line, "== "):
					found = append(found, strings.TrimSpace(line[3:]))
				default:
					serial, _, _ := strings.Cut(strings.TrimPrefix(line, `{"serial_number":"`), `"`)
					found = append(found, serial)
				}
			}
			if got := strings.Join(found, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestFilesAreNamedAsInTheContract(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("", 3600))
	for _, test := range []struct {
		e    export.Export
		want export.File
	}{
		{&export.MachineInventory{Format: "xlsx"}, export.File{Name: "inventory_export_2026-03-04_04-06-07.xlsx", ContentType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}},
		{&export.MachineInventory{Format: "zip"}, export.File{Name: "inventory_export_2026-03-04_04-06-07.zip", ContentType: "application/zip"}},
		{&export.Snapshots{}, export.File{Name: "machine_snapshots-2026-03-04_04-06-07.zip", ContentType: "application/zip"}},
		{&export.Full{}, export.File{Name: "full_inventory_export-2026-03-04_04-06-07.zip", ContentType: "application/zip"}},
	} {
		if got := test.e.File(at); got != test.want {
			t.Errorf("got %+v, want %+v", got, test.want)
		}
	}
}
