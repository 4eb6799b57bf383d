// SPDX-License-Identifier: Apache-2.0

package export

import (
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// report says what the app report of a kind looks like.
type report struct {
	kind    string
	prefix  string   // of file names; the dataset's name
	title   string   // of the sheet
	columns []string // of the table: those of the app, of the version, Source and Machines
	app     []string // fields that tell apps apart and are searched; nil: what the dictionary calls them
	version []string // fields that tell versions apart, nil as above
	newest  []int    // places in version that say which is newer, the weightiest first
}

// contractReports are those of the outside contract.
var contractReports = []*report{
	{
		kind: "android_apps", prefix: "android_apps", title: "Android apps",
		columns: []string{"Name", "Version name", "Version code", "Source", "Machines"},
		app:     []string{"display_name"}, version: []string{"version_name", "version_code"}, newest: []int{1, 0},
	},
	{
		kind: "deb_packages", prefix: "deb_packages", title: "Debian packages",
		columns: []string{"Package", "Version", "Source", "Machines"},
		app:     []string{"name"}, version: []string{"version"}, newest: []int{0},
	},
	{
		kind: "ios_apps", prefix: "ios_apps", title: "iOS apps",
		columns: []string{"Name", "Identifier", "Version", "Short version", "Source", "Machines"},
		app:     []string{"name", "identifier"}, version: []string{"version", "short_version"}, newest: []int{1, 0},
	},
	{
		kind: "osx_app_instances", prefix: "macos_apps", title: "macOS apps",
		columns: []string{"Bundle", "Bundle ID", "Bundle version", "Bundle version str", "Source", "Machines"},
		app:     []string{"bundle_name", "bundle_id"}, version: []string{"bundle_version", "bundle_version_str"}, newest: []int{1, 0},
	},
	{
		kind: "program_instances", prefix: "programs", title: "Programs",
		columns: []string{"Name", "Identifying number", "Version", "Source", "Machines"},
		app:     []string{"name", "identifying_number"}, version: []string{"version"}, newest: []int{0},
	},
}

// searched are the first fields of the app that a search looks at; iOS identifiers and product codes are not among them.
func (r *report) searched() int {
	if r.kind == "osx_app_instances" {
		return 2
	}
	return 1
}

// reportOf returns the report of a kind, the contract's or one made from the kind's name.
func reportOf(kind string) *report {
	if i := slices.IndexFunc(contractReports, func(r *report) bool { return r.kind == kind }); i >= 0 {
		return contractReports[i]
	}
	return &report{
		kind: kind, prefix: kind, title: title(kind), columns: []string{"Name", "Version", "Source", "Machines"},
		version: []string{"version"}, newest: []int{0},
	}
}

// reportDecoder reads from assets what a report shows of them.
type reportDecoder struct {
	*report
	fields *decoder // of the app and then of the version; nil: the dictionary's columns
}

func newReportDecoder(r *report) (*reportDecoder, error) {
	if r.app == nil {
		return &reportDecoder{report: r}, nil
	}
	fields, err := fieldsNamed(r.kind, slices.Concat(r.app, r.version))
	if err != nil {
		return nil, err
	}
	return &reportDecoder{report: r, fields: newDecoder(fields)}, nil
}

// decode returns the cells of the app and those of the version.
func (d *reportDecoder) decode(a store.SharedAsset) (ofApp, ofVersion []table.Cell, err error) {
	if d.fields == nil {
		return []table.Cell{table.Text(a.Name)}, []table.Cell{table.Text(a.Version)}, nil
	}
	decoded, err := d.fields.decode(a.Body)
	if err != nil {
		return nil, nil, err
	}
	return decoded.cells[:len(d.app)], decoded.cells[len(d.app):], nil
}
