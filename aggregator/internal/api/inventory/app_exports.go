// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

// The errors of an app report's body.
var (
	errExportFormat = drf.Invalid("Invalid export format")
	errSearch       = drf.Invalid("Invalid search parameters")
)

// exportApps begins the app report of a kind, which is searched by one of the named fields of the body.
func (a *API) exportApps(kind string, search ...string) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, err := drf.Decode(w, r)
		if err != nil {
			return err
		}
		report, err := readAppReport(body, search)
		if err != nil {
			return err
		}
		report.Kind, report.Scope = kind, auth.ReachOf(r.Context())
		return a.launchExport(w, r, export.AppReportDataset(kind), report)
	}
}

// parameter is a text of the body, or a number, which may be left out, null or empty.
var parameter = drf.Text{Optional: true, Nullable: true, Blank: true}

// readAppReport reads what the report is limited to. Of several fields to search by the first that says something holds.
func readAppReport(body *drf.Object, search []string) (*export.AppReport, error) {
	report := &export.AppReport{Format: export.ReportFormats()[0]}
	if format, ok := body.Text("export_format", parameter); ok || body.Given("export_format") {
		if !slices.Contains(export.ReportFormats(), format) {
			return nil, errExportFormat
		}
		report.Format = format
	}
	source, _ := body.Text("source", parameter)
	lastSeen, _ := body.Text("last_seen", parameter)
	report.Order, _ = body.Text("order", parameter)
	wanted := ""
	for _, field := range search {
		if text, _ := body.Text(field, parameter); wanted == "" {
			wanted = text
		}
	}
	var ok bool
	report.Source, ok = sourceID(source)
	if !ok || body.Err() != nil || report.Restrict(lastSeen, wanted) != nil {
		return nil, errSearch
	}
	return report, nil
}

// sourceID reads the id of a source, "" being every source. An id that no source can have is one that none has.
func sourceID(text string) (int32, bool) {
	if text == "" {
		return 0, true
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, false
	}
	return int32(min(id, math.MaxInt32)), true
}

// exportMachineApps begins the machine export of a kind. The body does not matter.
func (a *API) exportMachineApps(kind string) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		e := &export.MachineApps{Kind: kind, Format: "zip", Source: lastValue(r, "source_name"), Scope: auth.ReachOf(r.Context())}
		return a.launchExport(w, r, export.MachineDataset(kind), e)
	}
}

// lastValue returns a parameter of the query; of several the last one holds, as with the contract's server.
func lastValue(r *http.Request, name string) string {
	values := r.URL.Query()[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
