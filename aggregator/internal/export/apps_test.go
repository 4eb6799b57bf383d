// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// appKinds are the kinds of the outside contract, and two that it lacks.
var appKinds = []string{"android_apps", "deb_packages", "ios_apps", "osx_app_instances", "program_instances", "rpm_packages"}

func TestMachineAppsAreTheFilesOfTheContract(t *testing.T) {
	t.Parallel()
	s := appFleet(t)
	for _, kind := range append([]string{"users"}, appKinds...) {
		dataset := export.MachineDataset(kind)
		golden(t, dataset+".zip.txt", unzipped(t, made(t, s, dataset, &export.MachineApps{Kind: kind, Format: "zip"})))
	}
	if got := unzipped(t, made(t, s, "machine_deb_packages", &export.MachineApps{Kind: "deb_packages", Format: "zip", Source: "OSQUERY"})); !strings.HasPrefix(got, "== osquery.csv\n") || strings.Contains(got, "uppet") {
		t.Errorf("of one source: got %s", got)
	}
}

func TestNothingIsAnArchiveWithoutFiles(t *testing.T) {
	t.Parallel()
	s := appFleet(t)
	for _, e := range []*export.MachineApps{
		{Kind: "deb_packages", Format: "zip", Source: "nobody"},
		{Kind: "snap_packages", Format: "zip"},
	} {
		var out bytes.Buffer
		if err := e.Write(t.Context(), s, export.Output{Writer: &out}); err != nil {
			t.Fatal(err)
		}
		if got := unzipped(t, out.Bytes()); got != "" {
			t.Errorf("%s: got %s", e.Kind, got)
		}
	}
}

func TestAppReportsAreTheFilesOfTheContract(t *testing.T) {
	t.Parallel()
	s := appFleet(t)
	for _, kind := range appKinds {
		dataset := export.AppReportDataset(kind)
		got := string(made(t, s, dataset, &export.AppReport{Kind: kind, Format: "csv"}))
		golden(t, dataset+".csv", got)
		compareSheet(t, got, ';', made(t, s, dataset, &export.AppReport{Kind: kind, Format: "xlsx"}))
	}
}

func TestFormatsHaveTheSameRows(t *testing.T) {
	t.Parallel()
	s := appFleet(t)
	for _, kind := range appKinds {
		dataset := export.MachineDataset(kind)
		rows := string(made(t, s, dataset, &export.MachineApps{Kind: kind, Format: "csv"}))
		compareSheet(t, rows, ',', made(t, s, dataset, &export.MachineApps{Kind: kind, Format: "xlsx"}))
		lines := string(made(t, s, dataset, &export.MachineApps{Kind: kind, Format: "jsonl"}))
		if got, want := strings.Count(lines, "\n"), len(records(t, rows, ','))-1; got != want {
			t.Errorf("%s: %d lines of JSON for %d rows", kind, got, want)
		}
	}
}

func TestAppReportIsLimited(t *testing.T) {
	t.Parallel()
	seen := time.Now().Add(-36 * time.Hour).UTC().Format("2006-01-02T15:04:05")
	s := appFleet(t, `{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"DEB-3","last_seen":"`+seen+`","deb_packages":[{"name":"Firefox","version":"2"},{"name":"100%_","version":"1"}]}`)
	sources, err := s.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	puppet := slices.IndexFunc(sources, func(s store.Source) bool { return s.Name == "Puppet" })
	tests := []struct {
		name   string
		report export.AppReport
		want   string // apps and their machines
	}{
		{"all", export.AppReport{}, "100%_ 1, '=cmd|' /C calc'!A0 1, bash 1, Firefox 1, firefox 4, firefox-l10n 1"},
		{"search in any case", export.AppReport{Search: "FIREfox"}, "Firefox 1, firefox 4, firefox-l10n 1"},
		{"no wildcards", export.AppReport{Search: "%_"}, "100%_ 1"},
		{"nothing found", export.AppReport{Search: "%f"}, ""},
		{"source", export.AppReport{Source: sources[puppet].ID}, "firefox 1"},
		{"no such source", export.AppReport{Source: 4641}, ""},
		{"seen lately", export.AppReport{LastSeen: 7}, "100%_ 1, Firefox 1"},
		{"not seen so lately", export.AppReport{LastSeen: 1}, ""},
		{"most machines first", export.AppReport{Order: "mc-d", Search: "f"}, "firefox 4, Firefox 1, firefox-l10n 1"},
		{"fewest machines first", export.AppReport{Order: "mc-a", Search: "f"}, "Firefox 1, firefox-l10n 1, firefox 4"},
		{"by name backwards", export.AppReport{Order: "n-d", Search: "f"}, "firefox-l10n 1, firefox 4, Firefox 1"},
		{"scope of no machine", export.AppReport{Scope: auth.TaggedWith()}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := tt.report
			e.Kind, e.Format = "deb_packages", "csv"
			var out bytes.Buffer
			if err := e.Write(t.Context(), s, export.Output{Writer: &out}); err != nil {
				t.Fatal(err)
			}
			var apps []string
			for _, row := range records(t, out.String(), ';')[1:] {
				if row[1] == "" && row[2] == "" {
					apps = append(apps, row[0]+" "+row[3])
				}
			}
			if got := strings.Join(apps, ", "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	tests := []struct {
		export     export.Export
		name, sort string
	}{
		{&export.MachineApps{Kind: "osx_app_instances", Format: "zip"}, "inventory_machine_macos_app_instances_export-2026-03-04_04-06-07.zip", "application/zip"},
		{&export.MachineApps{Kind: "rpm_packages", Format: "jsonl"}, "inventory_machine_rpm_packages_export-2026-03-04_04-06-07.jsonl", "application/jsonl"},
		{&export.AppReport{Kind: "program_instances", Format: "csv"}, "programs_export_2026-03-04_04-06-07.csv", "text/csv"},
		{&export.AppReport{Kind: "osx_app_instances", Format: "xlsx"}, "macos_apps_export_2026-03-04_04-06-07.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	}
	for _, tt := range tests {
		if got := tt.export.File(at); got.Name != tt.name || got.ContentType != tt.sort {
			t.Errorf("got %+v, want %s, %s", got, tt.name, tt.sort)
		}
	}
}

// TestEveryKindHasATable also holds the contract's columns against the model.
func TestEveryKindHasATable(t *testing.T) {
	t.Parallel()
	s := appFleet(t)
	widths := map[string]int{"android_apps": 5, "deb_packages": 10, "ios_apps": 10, "osx_app_instances": 12, "program_instances": 9}
	for _, kind := range export.Kinds() {
		rows := records(t, string(rowsOf(t, s, kind)), ',')
		own := rows[0][4:]
		if want, ofContract := widths[kind]; len(own) == 0 || ofContract && len(own) != want {
			t.Errorf("%s: columns %q", kind, own)
		}
		if len(export.Permissions(kind)) == 0 {
			t.Errorf("%s: everybody may export it", kind)
		}
	}
	for _, kind := range version.Kinds() {
		if !slices.Contains(export.Kinds(), kind) {
			t.Errorf("%s has a report and no table", kind)
		}
	}
}

func rowsOf(t *testing.T, s *store.Store, kind string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&export.MachineApps{Kind: kind, Format: "csv"}).Write(t.Context(), s, export.Output{Writer: &out}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
