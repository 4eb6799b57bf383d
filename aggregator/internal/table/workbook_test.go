// SPDX-License-Identifier: Apache-2.0

package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// sheetOf writes one sheet and returns the workbook as a spreadsheet reads it.
func sheetOf(t *testing.T, header []string, rows ...[]table.Cell) *excelize.File {
	t.Helper()
	var out bytes.Buffer
	book := table.NewWorkbook(&out, t.TempDir(), table.RFC)
	writeSheet(t, book, "Rows", header, rows...)
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, out.Bytes())
}

func writeSheet(t *testing.T, book *table.Workbook, title string, header []string, rows ...[]table.Cell) {
	t.Helper()
	sheet, err := book.Sheet(title)
	if err != nil {
		t.Fatal(err)
	}
	if err := sheet.Header(header); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := sheet.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := sheet.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, raw []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestCellsAreWhatTheyAre(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", excelize.TotalCellChars)
	tests := []struct {
		name string
		cell table.Cell
		want string
		sort excelize.CellType
	}{
		{"text", table.Text("bash"), "bash", excelize.CellTypeInlineString},
		{"text of digits", table.Text("007"), "007", excelize.CellTypeInlineString},
		{"formula", table.Text("=1+1"), "=1+1", excelize.CellTypeInlineString},
		{"other formula", table.Text(`@SUM(A1)`), `@SUM(A1)`, excelize.CellTypeInlineString},
		{"space around", table.Text(" a\n"), " a\n", excelize.CellTypeInlineString},
		{"marked up", table.Text(`<a b="c">&`), `<a b="c">&`, excelize.CellTypeInlineString},
		{"looks escaped", table.Text("_x0041_"), "_x0041_", excelize.CellTypeInlineString},
		{"no character of XML", table.Text("a\x01b\xff"), "a\uFFFDb\uFFFD", excelize.CellTypeInlineString},
		{"as long as may be", table.Text(long), long, excelize.CellTypeInlineString},
		{"longer", table.Text(long + "x"), long[:len(long)-2] + "…", excelize.CellTypeInlineString},
		{"empty", table.Text(""), "", excelize.CellTypeUnset},
		{"nothing", table.Null(), "", excelize.CellTypeUnset},
		{"integer", table.Int(-42), "-42", excelize.CellTypeUnset},
		{"as many digits as are kept", table.Int(999_999_999_999_999), "999999999999999", excelize.CellTypeUnset},
		{"more digits", table.Int(1_000_000_000_000_001), "1000000000000001", excelize.CellTypeInlineString},
		{"float", table.Float(0.25), "0.25", excelize.CellTypeUnset},
		{"no number", table.Float(math.NaN()), "NaN", excelize.CellTypeInlineString},
		{"boolean", table.Bool(true), "TRUE", excelize.CellTypeBool},
		{"time", table.Time(time.Unix(1_772_600_767, 0)), "2026-03-04T05:06:07Z", excelize.CellTypeInlineString},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := sheetOf(t, []string{"column", "next"}, []table.Cell{tt.cell, table.Int(1)})
			got, err := f.GetCellValue("Rows", "A2")
			if err != nil || got != tt.want {
				t.Errorf("got %.60q of %d bytes, %v; want %.60q of %d", got, len(got), err, tt.want, len(tt.want))
			}
			if sort, _ := f.GetCellType("Rows", "A2"); sort != tt.sort {
				t.Errorf("got a cell of type %v, want %v", sort, tt.sort)
			}
			if formula, _ := f.GetCellFormula("Rows", "A2"); formula != "" {
				t.Errorf("it is the formula %q", formula)
			}
		})
	}
}

func TestRowsBeyondASheetGoToTheNextOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	book := table.NewWorkbook(&out, t.TempDir(), table.RFC)
	book.LimitRows(3)
	var rows [][]table.Cell
	for i := range 5 {
		rows = append(rows, []table.Cell{table.Int(int64(i))})
	}
	writeSheet(t, book, "Numbers", []string{"n"}, rows...)
	writeSheet(t, book, "Numbers", []string{"m"}, rows[0])
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, out.Bytes())
	want := map[string]string{
		"Numbers": "[[n] [0] [1]]", "Numbers (2)": "[[n] [2] [3]]", "Numbers (3)": "[[n] [4]]", "Numbers (4)": "[[m] [0]]",
	}
	if got := f.GetSheetList(); len(got) != len(want) || got[0] != "Numbers" || got[3] != "Numbers (4)" {
		t.Errorf("got the sheets %q", got)
	}
	for sheet, want := range want {
		rows, err := f.GetRows(sheet)
		if err != nil || fmt.Sprint(rows) != want {
			t.Errorf("%s: got %v, %v; want %s", sheet, rows, err, want)
		}
		if panes, err := f.GetPanes(sheet); err != nil || !panes.Freeze || panes.YSplit != 1 {
			t.Errorf("%s: the header does not stay: %+v, %v", sheet, panes, err)
		}
	}
}

func TestTitlesAreWhatSpreadsheetsTake(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	book := table.NewWorkbook(&out, t.TempDir(), table.RFC)
	long := strings.Repeat("x", 40)
	for _, title := range []string{"Tags · [a]:b", "OS/*", "os  ", long, long, "'quoted'", "", strings.Repeat("😀", 20)} {
		writeSheet(t, book, title, []string{"Value"})
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Tags ·  a  b", "OS", "os (2)", long[:31], long[:27] + " (2)", "quoted", "Sheet", strings.Repeat("😀", 15),
	}
	if got := open(t, out.Bytes()).GetSheetList(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWorkbookWithoutSheetsOpens(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := table.NewWorkbook(&out, t.TempDir(), table.RFC).Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(open(t, out.Bytes()).GetSheetList()); got != 1 {
		t.Errorf("got %d sheets, want the empty one", got)
	}
}

// TestTemporaryFilesGo writes a sheet that is too large for memory.
func TestTemporaryFilesGo(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"closed", "discarded", "sheet closed and discarded", "writer full"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			var out bytes.Buffer
			book := table.NewWorkbook(&out, folder, table.RFC)
			if end == "writer full" {
				book = table.NewWorkbook(refusing{}, folder, table.RFC)
			}
			sheet, err := book.Sheet("Large")
			if err != nil {
				t.Fatal(err)
			}
			if err := sheet.Header([]string{"text"}); err != nil {
				t.Fatal(err)
			}
			for range 18 << 20 / 30_000 {
				if err := sheet.Row([]table.Cell{table.Text(strings.Repeat("x", 30_000))}); err != nil {
					t.Fatal(err)
				}
			}
			if files(t, folder) == 0 {
				t.Fatal("the rows are not in the folder: the test shows nothing")
			}
			switch end {
			case "closed":
				if err := errors.Join(sheet.Close(), book.Close()); err != nil {
					t.Error(err)
				}
			case "sheet closed and discarded":
				if err := sheet.Close(); err != nil {
					t.Error(err)
				}
				book.Discard()
			case "writer full":
				if err := errors.Join(sheet.Close(), book.Close()); !errors.Is(err, errRefused) {
					t.Errorf("got %v", err)
				}
			default:
				book.Discard()
			}
			if n := files(t, folder); n != 0 {
				t.Errorf("%d files stay behind", n)
			}
		})
	}
}

var errRefused = errors.New("full")

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, errRefused }

func files(t *testing.T, folder string) int {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestSheetsComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	book := table.NewWorkbook(&bytes.Buffer{}, t.TempDir(), table.RFC)
	defer book.Discard()
	sheet, err := book.Sheet("One")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Sheet("Two"); err == nil {
		t.Error("a sheet began while another one was open")
	}
	if err := sheet.Row([]table.Cell{table.Int(1)}); err == nil {
		t.Error("a row was taken before the header")
	}
	if err := sheet.Header([]string{"a"}); err != nil {
		t.Fatal(err)
	}
	if err := sheet.Row([]table.Cell{table.Int(1), table.Int(2)}); err == nil {
		t.Error("a row of two cells in a table of one column was taken")
	}
	if err := book.Close(); err == nil {
		t.Error("the workbook ended with an open sheet")
	}
}
