// SPDX-License-Identifier: Apache-2.0

package table_test

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

var _ table.Writer = (*table.CSV)(nil)

func write(t testing.TB, header []string, rows [][]table.Cell, opts ...table.CSVOption) string {
	t.Helper()
	var out strings.Builder
	w := table.NewCSV(&out, opts...)
	if err := w.Header(header); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCellsAreWrittenByTheirType(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 6, 6, 7, 120000000, time.FixedZone("", 3600))
	tests := []struct {
		name string
		cell table.Cell
		want string
	}{
		{"null", table.Null(), ""},
		{"empty text", table.Text(""), ""},
		{"text", table.Text("bash"), "bash"},
		{"space is kept bare", table.Text(" a b "), " a b "},
		{"comma", table.Text("a,b"), `"a,b"`},
		{"quote", table.Text(`say "hi"`), `"say ""hi"""`},
		{"line feed", table.Text("a\nb"), "\"a\nb\""},
		{"carriage return", table.Text("a\rb"), "\"a\rb\""},
		{"formula", table.Text("=1+1"), "'=1+1"},
		{"plus", table.Text("+1"), "'+1"},
		{"minus", table.Text("-1"), "'-1"},
		{"at", table.Text("@SUM(A1)"), "'@SUM(A1)"},
		{"tab", table.Text("\t=1"), "'\t=1"},
		{"leading carriage return", table.Text("\r=1"), "\"'\r=1\""},
		{"leading line feed", table.Text("\n=1"), "\"'\n=1\""},
		{"quoted formula", table.Text(`=HYPERLINK("x","y")`), `"'=HYPERLINK(""x"",""y"")"`},
		{"negative number", table.Int(-5), "-5"},
		{"largest integer", table.Int(math.MaxInt64), "9223372036854775807"},
		{"float", table.Float(-0.25), "-0.25"},
		{"bool", table.Bool(true), "true"},
		{"time in UTC", table.Time(at), "2026-03-04T05:06:07.12Z"},
		{"zero time", table.Time(time.Time{}), ""},
		{"letters beyond ASCII", table.Text("Zoë"), "Zoë"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := write(t, []string{"a", "b"}, [][]table.Cell{{tt.cell, table.Int(1)}})
			if want := "a,b\r\n" + tt.want + ",1\r\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	got := write(t, []string{"a", "=b"}, [][]table.Cell{{table.Text("x,y"), table.Text("x;y")}}, table.Delimiter(';'))
	if want := "a;'=b\r\nx,y;\"x;y\"\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEmptyOnlyCellIsNotAnEmptyLine(t *testing.T) {
	t.Parallel()
	got := write(t, []string{"a"}, [][]table.Cell{{table.Null()}, {table.Text("")}, {table.Int(0)}})
	if want := "a\r\n\"\"\r\n\"\"\r\n0\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRowsFitTheHeader(t *testing.T) {
	t.Parallel()
	w := table.NewCSV(io.Discard)
	if err := w.Row([]table.Cell{table.Int(1)}); err == nil {
		t.Error("a row before the header was taken")
	}
	if err := w.Header([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Header([]string{"a"}); err == nil {
		t.Error("a second header was taken")
	}
	if err := w.Row([]table.Cell{table.Int(1)}); err == nil {
		t.Error("a short row was taken")
	}
}

type brokenPipe struct{}

var errBroken = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorOfTheWriterBelowIsReturned(t *testing.T) {
	t.Parallel()
	w := table.NewCSV(brokenPipe{})
	_ = w.Header([]string{"a"}) // still buffered
	var err error
	for i := 0; i < 100_000 && err == nil; i++ {
		err = w.Row([]table.Cell{table.Text("some text")})
	}
	if !errors.Is(err, errBroken) {
		t.Errorf("Row: got %v, want %v", err, errBroken)
	}
	if err := w.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close: got %v, want %v", err, errBroken)
	}
}

func TestAnyTextComesBackThroughAReader(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		plain := rapid.StringMatching(`[a-z0-9 ,;"'\n=+@-]{0,12}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(plain, columns, columns), 1, 5).Draw(t, "rows")
		var out strings.Builder
		w := table.NewCSV(&out)
		cells := make([]table.Cell, columns)
		if err := w.Header(make([]string, columns)); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			for i, s := range r {
				cells[i] = table.Text(s)
			}
			if err := w.Row(cells); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(out.String(), "\n") // the header of empty names
		got, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			for i, s := range r {
				if s != "" && strings.ContainsRune("=+-@\n", rune(s[0])) {
					r[i] = "'" + s
				}
			}
		}
		if !reflect.DeepEqual(got, rows) {
			t.Fatalf("got %q, want %q", got, rows)
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	w := table.NewCSV(io.Discard)
	if err := w.Header([]string{"serial_number", "name", "version", "arch", "size", "install_time"}); err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	cells := make([]table.Cell, 6)
	b.ReportAllocs()
	for b.Loop() {
		cells[0], cells[1], cells[2] = table.Text("C02ABCDEFGH"), table.Text("libpython3.11-minimal"), table.Text("3.11.2-6+deb12u6")
		cells[3], cells[4], cells[5] = table.Text("amd64"), table.Int(123456), table.Time(at)
		if err := w.Row(cells); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
