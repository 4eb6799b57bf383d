// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// AppReport is a file with the applications of a kind: for each a row with how many machines have it, and one for each
// version and source, the newest version first. What is counted are pairs of a current snapshot and an asset: a machine
// that two sources report counts twice. It holds one entry for each asset and source, and each version and source.
type AppReport struct {
	Kind     string     `json:"kind"`      // one whose versions have an order
	Format   string     `json:"format"`    // one of reportFormats
	Source   int32      `json:"source"`    // id; 0: every source
	LastSeen int        `json:"last_seen"` // days: snapshots seen within; 0: whenever
	Search   string     `json:"search"`    // part of the name, in any case; "": every name
	Order    string     `json:"order"`     // mc-d, mc-a, n-d or n-a; anything else is n-a
	Scope    auth.Scope `json:"scope"`
}

// reportFormats are those of the outside contract, its default first.
var reportFormats = []string{"xlsx", "csv"}

// ReportFormats lists the formats of app reports, the default first.
func ReportFormats() []string { return slices.Clone(reportFormats) }

// AppReportDataset is the name of the dataset whose exports are AppReports of a kind.
func AppReportDataset(kind string) string { return reportOf(kind).prefix }

// maxSearch is the length of the longest text to search for, in characters.
const maxSearch = 64

// lastSeenDays are what last_seen may be.
var lastSeenDays = map[string]int{"1d": 1, "7d": 7, "14d": 14, "30d": 30, "45d": 45, "90d": 90}

// errSearch is what Restrict says of parameters that an app report does not have.
var errSearch = errors.New("invalid search parameters")

// Restrict sets what the report is limited to, from texts as clients send them; "" stands for no limit.
func (e *AppReport) Restrict(lastSeen, search string) error {
	days, ok := lastSeenDays[lastSeen]
	if !ok && lastSeen != "" {
		return fmt.Errorf("last_seen: %w: one of 1d, 7d, 14d, 30d, 45d, 90d", errSearch)
	}
	search = strings.TrimSpace(search)
	if utf8.RuneCountInString(search) > maxSearch || strings.ContainsRune(search, 0) {
		return fmt.Errorf("search: %w: at most %d characters", errSearch, maxSearch)
	}
	e.LastSeen, e.Search = days, search
	return nil
}

func init() {
	for _, kind := range version.Kinds() { // those whose versions have an order
		register(Dataset{
			Name: AppReportDataset(kind), Needs: Permissions(kind), Formats: reportFormats,
			New: func() Export { return new(AppReport) },
			Ask: func(r Request) (Export, error) { return askAppReport(kind, r) },
		})
	}
}

func askAppReport(kind string, r Request) (Export, error) {
	var options struct {
		Source   int32  `json:"source"`
		LastSeen string `json:"last_seen"`
		Search   string `json:"search"`
		Order    string `json:"order"`
	}
	if err := decodeOptions(r.Options, &options); err != nil {
		return nil, err
	}
	if options.Order != "" && !slices.Contains([]string{"mc-d", "mc-a", "n-d", "n-a"}, options.Order) {
		return nil, fmt.Errorf("options: order: one of mc-d, mc-a, n-d, n-a")
	}
	e := &AppReport{Kind: kind, Format: r.Format, Source: options.Source, Order: options.Order, Scope: r.Scope}
	if err := e.Restrict(options.LastSeen, options.Search); err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	return e, nil
}

// File implements Export.
func (e *AppReport) File(at time.Time) File {
	return File{
		Name:        fmt.Sprintf("%s_export_%s.%s", reportOf(e.Kind).prefix, at.UTC().Format(fileTime), e.Format),
		ContentType: contentTypes[e.Format],
	}
}

// Write implements Export.
func (e *AppReport) Write(ctx context.Context, s *store.Store, out Output) error {
	apps, err := e.count(ctx, s, out.Progress)
	if err != nil {
		return fmt.Errorf("count %s: %w", e.Kind, err)
	}
	report := reportOf(e.Kind)
	switch e.Format {
	case "csv":
		return writeApps(table.NewCSV(out, table.Delimiter(';'), table.Spelled(table.Python)), report, apps)
	case "xlsx":
		w, err := newSpreadsheet(out, report.title, table.Python)
		if err != nil {
			return err
		}
		defer w.book.Discard()
		return writeApps(w, report, apps)
	}
	return fmt.Errorf("there is no format %q", e.Format)
}

func writeApps(w table.Writer, report *report, apps []*app) error {
	if err := w.Header(report.columns); err != nil {
		return err
	}
	cells := make([]table.Cell, 0, len(report.columns))
	for _, a := range apps {
		cells = append(cells[:0], a.cells...)
		for range report.version {
			cells = append(cells, table.Null())
		}
		if err := w.Row(append(cells, table.Null(), table.Int(a.machines))); err != nil {
			return err
		}
		for _, v := range a.versions {
			cells = append(append(cells[:0], a.cells...), v.cells...)
			if err := w.Row(append(cells, table.Text(v.source.Name), table.Int(v.machines))); err != nil {
				return err
			}
		}
	}
	return w.Close()
}
