// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// maxQuery bounds the query of an export, in bytes.
const maxQuery = 16 << 10

var errMachinesFormat = drf.Invalid("Unknown export format")

// exportMachines begins the export of the inventory of machines. The query says which; the body does not matter.
func (a *API) exportMachines(w http.ResponseWriter, r *http.Request) error {
	query, err := exportQuery(r)
	if err != nil {
		return err
	}
	e := &export.MachineInventory{Format: export.InventoryFormats()[0], Scope: auth.ReachOf(r.Context())}
	if formats := query["export_format"]; len(formats) > 0 {
		e.Format = formats[len(formats)-1]
	}
	if !slices.Contains(export.InventoryFormats(), e.Format) {
		return errMachinesFormat
	}
	if e.Filter, err = export.ParseMachineFilter(query); err != nil {
		return drf.Invalid(err.Error())
	}
	return a.launchExport(w, r, export.InventoryDataset, e)
}

func exportQuery(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, drf.Invalid(fmt.Sprintf("the query has more than %d bytes", maxQuery))
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, drf.Invalid("the query cannot be read: " + err.Error())
	}
	return query, nil
}

// exportSnapshots begins the export of the snapshots of machines. The body does not matter.
func (a *API) exportSnapshots(w http.ResponseWriter, r *http.Request) error {
	e := &export.Snapshots{Source: lastValue(r, "source_name"), Scope: auth.ReachOf(r.Context())}
	return a.launchExport(w, r, export.SnapshotsDataset, e)
}

// exportAll begins the full export. The body does not matter.
func (a *API) exportAll(w http.ResponseWriter, r *http.Request) error {
	query, err := exportQuery(r)
	if err != nil {
		return err
	}
	e := &export.Full{Scope: auth.ReachOf(r.Context())}
	if since := query.Get("since"); since != "" {
		if e.Since, err = moment(since); err != nil {
			return drf.Invalid("since: write the moment like 2026-03-04T05:06:07")
		}
	}
	return a.launchExport(w, r, export.FullDataset, e)
}

// moment reads a time in any usual spelling, without a zone as UTC. A plus sign of an offset that was not escaped has
// become a space.
func moment(text string) (time.Time, error) {
	canonical, err := normal.ParseDatetime(text)
	if err != nil {
		canonical, err = normal.ParseDatetime(strings.ReplaceAll(text, " ", "+"))
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse("2006-01-02T15:04:05", canonical)
}
