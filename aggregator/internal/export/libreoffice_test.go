// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package export_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// everySheet makes soffice write each sheet to a CSV file of its own: commas, quotes, UTF-8, cells as they are stored.
const everySheet = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"

// sheetsOf opens a workbook in LibreOffice and returns its sheets as CSV, by title.
func sheetsOf(t *testing.T, workbook []byte) map[string]string {
	t.Helper()
	soffice, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("SKIPPED: no soffice on this machine (make e2e-deps)")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "book.xlsx"), workbook, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), soffice, "--headless", "-env:UserInstallation=file://"+filepath.Join(dir, "profile"),
		"--convert-to", everySheet, "--outdir", dir, filepath.Join(dir, "book.xlsx"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("soffice: %v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "book-*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	sheets := map[string]string{}
	for _, path := range found {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sheets[strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "book-"), ".csv")] = string(raw)
	}
	if len(sheets) == 0 {
		t.Fatal("soffice wrote no sheet")
	}
	return sheets
}

func TestE2ELibreOfficeReadsWhatTheCSVSays(t *testing.T) {
	t.Parallel()
	s := appFleet(t)
	compare := func(dataset string, text []byte, delimiter rune, workbook []byte) {
		t.Helper()
		for title, sheet := range sheetsOf(t, workbook) {
			got, want := records(t, sheet, ','), records(t, string(text), delimiter)
			if len(got) != len(want) {
				t.Fatalf("%s: %s has %d rows, the CSV %d", dataset, title, len(got), len(want))
			}
			for y := range want {
				for x, cell := range want[y] {
					if got[y][x] != shownAs(cell) {
						t.Errorf("%s: %s, row %d, column %d: got %q; the CSV has %q", dataset, title, y+1, x+1, got[y][x], cell)
					}
				}
			}
		}
	}
	for _, kind := range appKinds {
		report, machine := export.AppReportDataset(kind), export.MachineDataset(kind)
		compare(report, made(t, s, report, &export.AppReport{Kind: kind, Format: "csv"}), ';',
			made(t, s, report, &export.AppReport{Kind: kind, Format: "xlsx"}))
		compare(machine, made(t, s, machine, &export.MachineApps{Kind: kind, Format: "csv"}), ',',
			made(t, s, machine, &export.MachineApps{Kind: kind, Format: "xlsx"}))
	}
}

// TestE2ELibreOfficeOpensAFullSheetAndTheNext writes one row more than a sheet holds.
func TestE2ELibreOfficeOpensAFullSheetAndTheNext(t *testing.T) {
	t.Parallel()
	const rows = 1_048_576 // with the header one too many
	var out bytes.Buffer
	book := table.NewWorkbook(&out, t.TempDir(), table.RFC)
	defer book.Discard()
	sheet, err := book.Sheet("Rows")
	if err != nil {
		t.Fatal(err)
	}
	if err := sheet.Header([]string{"n", "text"}); err != nil {
		t.Fatal(err)
	}
	for n := range rows {
		if err := sheet.Row([]table.Cell{table.Int(int64(n)), table.Text("=1+1")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sheet.Close(); err != nil {
		t.Fatal(err)
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	sheets := sheetsOf(t, out.Bytes())
	first, second := records(t, sheets["Rows"], ','), records(t, sheets["Rows (2)"], ',')
	if len(sheets) != 2 || len(first) != rows || !slices.Equal(first[0], []string{"n", "text"}) || !slices.Equal(first[rows-1], []string{"1048574", "=1+1"}) {
		t.Errorf("%d sheets, the first one with %d rows", len(sheets), len(first))
	}
	if len(second) != 2 || !slices.Equal(second[0], []string{"n", "text"}) || !slices.Equal(second[1], []string{"1048575", "=1+1"}) {
		t.Errorf("the second sheet has %v", second)
	}
}

// pythonReader prints what Python's csv module reads, as JSON.
const pythonReader = `import csv, io, json, sys
text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline="")
json.dump(list(csv.reader(text, delimiter=sys.argv[1])), sys.stdout)`

func TestE2EPythonReadsTheContractsCSV(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: no python3 on this machine (make e2e-deps)")
	}
	s := appFleet(t)
	compare := func(name string, text []byte, delimiter rune) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), python, "-c", pythonReader, string(delimiter))
		cmd.Stdin = bytes.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got [][]string
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		want := records(t, string(text), delimiter)
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) || len(got) < 2 {
			t.Errorf("%s: Python reads %q, want %q", name, got, want)
		}
	}
	for _, kind := range appKinds {
		report, machine := export.AppReportDataset(kind), export.MachineDataset(kind)
		compare(report, made(t, s, report, &export.AppReport{Kind: kind, Format: "csv"}), ';')
		raw := made(t, s, machine, &export.MachineApps{Kind: kind, Format: "zip"})
		archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			file, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(file)
			if err != nil {
				t.Fatal(err)
			}
			compare(machine+"/"+f.Name, text, ',')
		}
	}
}
