// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// fleet stores machines whose packages overlap, through the open door.
func fleet(t testing.TB, machines, packages int) *store.Store {
	t.Helper()
	s := store.New(storetest.New(t))
	t.Cleanup(s.Close)
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	committer := commit.New(s, slog.New(slog.DiscardHandler))
	for m := range machines {
		var rows []string
		for p := range packages {
			rows = append(rows, fmt.Sprintf(`{"name":"package-%d","version":"%d","arch":"amd64","size":%d}`, p, (m+p)%3, p))
		}
		body := fmt.Sprintf(`{"source":{"module":"test","name":"s%d"},"serial_number":"M-%04d","deb_packages":[%s]}`, m%2, m, strings.Join(rows, ","))
		submitted, err := tree.Parse([]byte(body), tree.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := committer.Submit(t.Context(), submitted); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestRowsComeInOrderAndAllOfThem(t *testing.T) {
	t.Parallel()
	const machines, packages = 120, 20 // more machines than one batch
	s := fleet(t, machines, packages)
	var out strings.Builder
	if err := export.Facts(t.Context(), s, "deb_packages", export.Filter{}, table.NewCSV(&out)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(rows) - 1; got != machines*packages {
		t.Errorf("got %d rows, want %d", got, machines*packages)
	}
	order := func(a, b []string) int {
		for _, column := range []int{2, 0, 4, 5} { // source name, serial number, name, version
			if c := strings.Compare(a[column], b[column]); c != 0 {
				return c
			}
		}
		return 0
	}
	if !slices.IsSortedFunc(rows[1:], order) {
		t.Error("rows are not by source, serial number, name and version")
	}
	out.Reset()
	if err := export.Facts(t.Context(), s, "deb_packages", export.Filter{Source: "S1"}, table.NewCSV(&out)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n") - 1; got != machines/2*packages {
		t.Errorf("of one source: got %d rows, want %d", got, machines/2*packages)
	}
}

// plain is a table that cannot encode ahead.
type plain struct{ table.Writer }

func TestEncodingAheadChangesNothing(t *testing.T) {
	t.Parallel()
	s := fleet(t, 60, 20)
	var encoded, row strings.Builder
	if err := export.Facts(t.Context(), s, "deb_packages", export.Filter{}, table.NewCSV(&encoded)); err != nil {
		t.Fatal(err)
	}
	if err := export.Facts(t.Context(), s, "deb_packages", export.Filter{}, plain{table.NewCSV(&row)}); err != nil {
		t.Fatal(err)
	}
	if encoded.String() != row.String() || row.Len() == 0 {
		t.Errorf("%d bytes from encoded parts, %d bytes row by row, or others", encoded.Len(), row.Len())
	}
}

// full is a writer that is full.
type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriterThatFailsEndsTheExport(t *testing.T) {
	t.Parallel()
	s := fleet(t, 2, 3)
	if err := export.Facts(t.Context(), s, "deb_packages", export.Filter{}, table.NewCSV(full{})); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkDebPackages(b *testing.B) {
	const machines, packages = 200, 2000
	s := fleet(b, machines, packages)
	b.ReportAllocs()
	for b.Loop() {
		if err := export.Facts(b.Context(), s, "deb_packages", export.Filter{}, table.NewCSV(io.Discard)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(machines*packages*b.N)/b.Elapsed().Seconds(), "rows/s")
}
