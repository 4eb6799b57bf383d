// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

var updateApps = flag.Bool("update-apps", false, "write the golden files of testdata/apps")

// appFleet stores the trees of testdata/apps.jsonl and more of them.
func appFleet(t testing.TB, more ...string) *store.Store {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "apps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(storetest.New(t))
	t.Cleanup(s.Close)
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	committer := commit.New(s, slog.New(slog.DiscardHandler))
	for _, line := range append(strings.Split(strings.TrimSpace(string(raw)), "\n"), more...) {
		submitted, err := tree.Parse([]byte(line), tree.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := committer.Submit(t.Context(), submitted); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// made is what an export writes. It goes through what a task keeps of it.
func made(t testing.TB, s *store.Store, dataset string, e export.Export) []byte {
	t.Helper()
	options, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := export.Decode(dataset, options)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	folder := t.TempDir()
	last := int64(-1)
	progress := func(done, total int64) {
		if done > total || done < last {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}
	if err := kept.Write(t.Context(), s, export.Output{Writer: &out, Folder: folder, Progress: progress}); err != nil {
		t.Fatal(err)
	}
	if last <= 0 {
		t.Errorf("%s: no progress was told: %d", dataset, last)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%d temporary files stay behind, %v", len(left), err)
	}
	return out.Bytes()
}

// unzipped returns the files of an archive, each behind its name.
func unzipped(t testing.TB, raw []byte) string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range r.File {
		file, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "== %s\n%s", f.Name, content)
	}
	return all.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "apps", name)
	if *updateApps {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func records(t *testing.T, text string, delimiter rune) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = delimiter
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// compareSheet holds the first sheet of a workbook against a table, cell by cell.
func compareSheet(t *testing.T, text string, delimiter rune, workbook []byte) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(workbook))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	title := f.GetSheetList()[0]
	want := records(t, text, delimiter)
	if rows, err := f.GetRows(title); err != nil || len(rows) != len(want) {
		t.Fatalf("%s: %d rows, %v; want %d", title, len(rows), err, len(want))
	}
	for y, row := range want {
		for x, cell := range row {
			name, _ := excelize.CoordinatesToCellName(x+1, y+1)
			got, err := f.GetCellValue(title, name)
			if err != nil || got != shownAs(cell) {
				t.Errorf("%s %s: got %q, %v; the CSV has %q", title, name, got, err, cell)
			}
			if formula, _ := f.GetCellFormula(title, name); formula != "" {
				t.Errorf("%s %s is the formula %q", title, name, formula)
			}
		}
	}
}

// shownAs is how a spreadsheet shows a cell of a CSV table: without the apostrophe against formulas.
func shownAs(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsRune("=+-@", rune(cell[1])) {
		return cell[1:]
	}
	switch cell {
	case "true", "false":
		return strings.ToUpper(cell)
	}
	return cell
}
