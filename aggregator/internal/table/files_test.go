// SPDX-License-Identifier: Apache-2.0

package table_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

func TestPythonSpelling(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := table.NewCSV(&out, table.Spelled(table.Python), table.Delimiter(';'))
	if err := w.Header([]string{"a", "b", "c", "d"}); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := w.Row([]table.Cell{table.Time(at), table.Time(at.Add(120 * time.Millisecond)), table.Bool(true), table.Bool(false)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const want = "a;b;c;d\r\n2026-03-04 05:06:07;2026-03-04 05:06:07.120000;True;False\r\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCSVGoesOnInTheNextFile(t *testing.T) {
	t.Parallel()
	var first, second strings.Builder
	w := table.NewCSV(&first)
	write := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write(w.Header([]string{"a", "b"}))
	part := w.Encode([]table.Cell{table.Text("x")})
	write(w.Join(part, part))
	write(w.Next(&second))
	write(w.Header([]string{"c", "d"}))
	write(w.Join(part, part))
	write(w.Close())
	if first.String() != "a,b\r\nx,x\r\n" || second.String() != "c,d\r\nx,x\r\n" {
		t.Errorf("got %q and %q", first.String(), second.String())
	}
}

func TestArchiveHasEveryFileOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)
	z := table.NewZip(&out, at)
	for _, name := range []string{"munki.csv", "Munki.csv", "munki.csv", "osquery.csv"} {
		file, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(file, strings.Repeat(name, 1000))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
		if f.Method != zip.Deflate || !f.Modified.Equal(at) {
			t.Errorf("%s: method %d, dated %v", f.Name, f.Method, f.Modified)
		}
		file, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(file); err != nil || len(content) < 9000 {
			t.Errorf("%s: %d bytes, %v", f.Name, len(content), err)
		}
	}
	if got := strings.Join(names, " "); got != "munki.csv Munki-2.csv munki-3.csv osquery.csv" {
		t.Errorf("got %s", got)
	}
}

func TestLinesOfJSONAreTheRows(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := table.NewJSONL(&out)
	if err := w.Header([]string{"text", `"odd"`, "n", "f", "b", "at", "none"}); err != nil {
		t.Fatal(err)
	}
	rows := [][]table.Cell{
		{table.Text("<a>\n"), table.Text("=1"), table.Int(math.MaxInt64), table.Float(0.5), table.Bool(true), table.Time(time.Unix(1_772_600_767, 0)), table.Null()},
		{table.Text("\xff"), table.Null(), table.Null(), table.Float(math.Inf(1)), table.Null(), table.Null(), table.Null()},
	}
	for _, row := range rows {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"text":"\u003ca\u003e\n","\"odd\"":"=1","n":9223372036854775807,"f":0.5,"b":true,"at":"2026-03-04T05:06:07Z","none":null}
{"text":"\ufffd","\"odd\"":null,"n":null,"f":"+Inf","b":null,"at":null,"none":null}
`
	if out.String() != want {
		t.Errorf("got %s\nwant %s", out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// TestSheetSaysWhatTheCSVSays compares the two formats cell by cell.
func TestSheetSaysWhatTheCSVSays(t *testing.T) {
	t.Parallel()
	header := []string{"a", "b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		var rows [][]table.Cell
		for range rapid.IntRange(1, 6).Draw(rt, "rows") {
			rows = append(rows, rapid.SliceOfN(anyCell, len(header), len(header)).Draw(rt, "cells"))
		}
		var out strings.Builder
		w := table.NewCSV(&out)
		if err := w.Header(header); err != nil {
			rt.Fatal(err)
		}
		for _, row := range rows {
			if err := w.Row(row); err != nil {
				rt.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		want, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil {
			rt.Fatal(err)
		}
		f := sheetOf(t, header, rows...)
		for y := range want {
			for x, cell := range want[y] {
				at := string(rune('A'+x)) + string(rune('1'+y))
				got, err := f.GetCellValue("Rows", at)
				if err != nil || asInCSV(got) != asInCSV(cell) && !sameNumber(got, cell) {
					rt.Fatalf("row %d, column %d: got %q, %v; the CSV has %q", y+1, x+1, got, err, cell)
				}
			}
		}
	})
}

// sameNumber compares numbers by the 15 digits that spreadsheets show. The largest of all cannot be read back from so few.
func sameNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errY != nil || math.Abs(y) > 1.7e308 {
		return errY == nil && math.Abs(x) > 1.7e308
	}
	return errX == nil && math.Abs(x-y) <= 1e-14*math.Abs(y)
}

// asInCSV takes away what the two formats do differently on purpose: the apostrophe before formulas, the spelling of
// booleans, line ends inside cells, and characters that XML cannot hold.
func asInCSV(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsRune("=+-@\t\r\n", rune(cell[1])) {
		cell = cell[1:]
	}
	switch cell {
	case "TRUE", "FALSE":
		return strings.ToLower(cell)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return 0xFFFD
		}
		return r
	}, strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(cell))
}
