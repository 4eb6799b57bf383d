// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func (o *office) inventory(format, query string, scope auth.Scope) []byte {
	o.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		o.t.Fatal(err)
	}
	filter, err := export.ParseMachineFilter(values)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.run(&export.MachineInventory{Format: format, Filter: filter, Scope: scope})
}

// tables returns the tables of an inventory by the name of the file.
func (o *office) tables(query string, scope auth.Scope) map[string][][]string {
	o.t.Helper()
	tables := map[string][][]string{}
	for part := range strings.SplitSeq(unpacked(o.t, o.inventory("zip", query, scope)), "== ") {
		name, content, _ := strings.Cut(part, "\n")
		if name == "" {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(content)).ReadAll()
		if err != nil {
			o.t.Fatal(err)
		}
		tables[name] = rows
	}
	return tables
}

// serials returns the machines of a table and the sources that tell of them: "C02B/Munki EC2-i-1/osquery".
func serials(machines [][]string) string {
	var all []string
	for _, row := range machines[1:] {
		all = append(all, row[2]+"/"+row[1])
	}
	return strings.Join(all, " ")
}

func TestInventoryOfMachines(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.golden("inventory.golden", unpacked(t, o.inventory("zip", "", auth.Scope{})))
	o.golden("inventory_more.golden", unpacked(t, o.inventory("zip", "sf=cs-ccs.1-a.n.Firefox-dp.openssl-t-t1-awsa-eit&t="+fmt.Sprint(o.tags["Blue"]), auth.Scope{})))
}

func TestWorkbookHasTheSheetsOfTheArchive(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	book, err := excelize.OpenReader(bytes.NewReader(o.inventory("xlsx", "sf=mbu-t-cs", auth.Scope{})))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if got, want := strings.Join(book.GetSheetList(), "|"), "Machines|Sources|Meta Business Units|Tags|Compliance check statuses"; got != want {
		t.Errorf("got the sheets %s, want %s", got, want)
	}
	tables := o.tables("sf=mbu-t-cs", auth.Scope{})
	for title, file := range map[string]string{"Machines": "machines.csv", "Sources": "sources.csv", "Tags": "tags.csv"} {
		rows, err := book.GetRows(title)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) < 2 || len(rows) != len(tables[file]) {
			t.Fatalf("%s: got %d rows, want %d", title, len(rows), len(tables[file]))
		}
		for i, row := range rows {
			for j, cell := range row {
				if want := strings.TrimPrefix(tables[file][i][j], "'"); cell != want {
					t.Errorf("%s: row %d: got %q, want %q", title, i, cell, want)
				}
			}
		}
	}
}

func TestFiltersChooseMachines(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const all = "EC2-i-1/osquery C02B/Munki C02B/osquery ZZ/osquery"
	blue, it, zoo := fmt.Sprint(o.tags["Blue"]), fmt.Sprint(o.tags["IT"]), fmt.Sprint(o.tags["Zoo"])
	sources, err := o.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	osquery := ""
	for _, s := range sources {
		if s.Name == "osquery" {
			osquery = fmt.Sprint(s.ID)
		}
	}
	units, err := o.ListMetaBusinessUnits(t.Context(), "Hamburg")
	if err != nil || len(units) != 1 {
		t.Fatal(units, err)
	}
	tests := []struct{ query, want string }{
		{"", all},
		{"src=" + osquery, "EC2-i-1/osquery C02B/osquery ZZ/osquery"},
		{"src=999", ""},
		{"mbu=" + fmt.Sprint(units[0].ID), "C02B/Munki"},
		{"mbu=␀", "EC2-i-1/osquery C02B/osquery ZZ/osquery"},
		{"t=" + blue, "EC2-i-1/osquery C02B/Munki C02B/osquery"},
		{"t=" + blue + "&t1=" + it, "C02B/Munki C02B/osquery"},
		{"t=" + blue + "&t1=" + it + "&t2=" + zoo, "C02B/Munki C02B/osquery"},
		{"t=␀", "ZZ/osquery"},
		{"t=" + blue + "&t1=␀", ""},
		{"mis=␀", all},
		{"mis=100", ""},
		{"tp=EC2", "EC2-i-1/osquery"},
		{"tp=␀", "ZZ/osquery"},
		{"pf=MACOS", "C02B/Munki C02B/osquery"},
		{"sf=tp&pf=LINUX", "EC2-i-1/osquery"},
		{"hm=Mac14,2", "C02B/Munki C02B/osquery"},
		{"hm=␀", "EC2-i-1/osquery ZZ/osquery"},
		{"osv=␀", "ZZ/osquery"},
		{"cs=200", "EC2-i-1/osquery"},
		{"cs=300", "C02B/Munki C02B/osquery"},
		{"cs=␀", "ZZ/osquery"},
		{"awsa=123456789012", "EC2-i-1/osquery"},
		{"eit=t3.large", "EC2-i-1/osquery"},
		{"eit=␀", "C02B/Munki C02B/osquery ZZ/osquery"},
		{"a.n.Firefox=9.0", "C02B/Munki"},
		{"a.i.org.mozilla.firefox=128.0", "C02B/Munki"},
		{"a.n.Safari=1", ""},
		{"dp.openssl=3.0.10", "EC2-i-1/osquery"},
		{"dp.openssl=␀", "C02B/Munki C02B/osquery ZZ/osquery"},
		{"aa.Chrome=␀&ia.Mail=␀&p.7-Zip=␀", all},
		{"sn=c0", "C02B/Munki C02B/osquery"},
		{"cn=ALPH", "EC2-i-1/osquery"},
		{"pu=JANE", "C02B/Munki"},
		{"pu=doe", "C02B/Munki"},
		{"pu=u1", ""},
		{"ma=0A1B", "C02B/Munki"},
		{"ma=ff", ""},
		{"ls=1d", ""},
		{"ls=9999d", all},
	}
	for _, test := range tests {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			tables := o.tables(test.query, auth.Scope{})
			if got := serials(tables["machines.csv"]); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			total := 0
			for _, row := range tables["sources.csv"][1:] {
				n, err := strconv.Atoi(row[1])
				if err != nil {
					t.Fatal(err)
				}
				total += n
			}
			if rows := len(tables["machines.csv"]) - 1; total != rows {
				t.Errorf("the sheet of sources counts %d rows of %d", total, rows)
			}
		})
	}
}

func TestInventoryOfAPrincipalWithAScope(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	tables := o.tables("sf=t-pf", auth.TaggedWith(o.tags["IT"]))
	if got, want := serials(tables["machines.csv"]), "C02B/Munki C02B/osquery"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := fmt.Sprint(tables["platforms.csv"]); got != "[[Value Count %] [macOS 2 100]]" {
		t.Errorf("got %s", got)
	}
	if got := serials(o.tables("", auth.TaggedWith())["machines.csv"]); got != "" {
		t.Errorf("a scope of no machine has %s", got)
	}
}

func TestMachinesAreChosenByTheDayTheyWereSeen(t *testing.T) {
	t.Parallel()
	o := emptyOffice(t)
	for serial, hours := range map[string]time.Duration{"A": 36, "B": 60} {
		seen := time.Now().UTC().Add(-hours * time.Hour).Format("2006-01-02T15:04:05")
		o.report(`{"source":{"module":"m","name":"s"},"serial_number":"` + serial + `","last_seen":"` + seen + `"}`)
	}
	for query, want := range map[string]string{"ls=1d": "", "ls=2d": "A/s", "ls=3d": "A/s B/s"} {
		if got := serials(o.tables(query, auth.Scope{})["machines.csv"]); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestInventoryNamesNoTagOrCheckThatOnlyOthersHave(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	zoo, query := fmt.Sprint(o.tags["Zoo"]), "sf=t-ccs.1&t="+fmt.Sprint(o.tags["Zoo"])
	o.tag("ZZ", store.TagOperation{Kind: store.AddTags, Names: []string{"Own"}})
	for _, tt := range []struct {
		name  string
		scope auth.Scope
		want  string
	}{
		{"every machine", auth.Scope{}, "machines.csv sources.csv tags-zoo.csv ubuntu.csv"},
		{"the machine that has them", auth.TaggedWith(o.tags["IT"]), "machines.csv sources.csv tags-zoo.csv ubuntu.csv"},
		{"another one", auth.TaggedWith(o.tags["Own"]), "1.csv machines.csv sources.csv tags-" + zoo + ".csv"},
	} {
		tables := o.tables(query, tt.scope)
		if got := strings.Join(slices.Sorted(maps.Keys(tables)), " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	all := unpacked(t, o.inventory("zip", "sf=ccs.1", auth.TaggedWith(o.tags["Own"])))
	if strings.Contains(all, "Ubuntu") || !strings.Contains(all, "1 - status,1 - status display") {
		t.Errorf("columns: got %s", all)
	}
}

func TestInventoryAsAnExportOfOurOwnDoor(t *testing.T) {
	t.Parallel()
	d, ok := export.DatasetNamed(export.InventoryDataset)
	if !ok {
		t.Fatal("it is not there")
	}
	e, err := d.Ask(export.Request{Format: "zip", Options: []byte(`{"sf":"pf","pf":"LINUX"}`), Scope: auth.TaggedWith(7)})
	if err != nil {
		t.Fatal(err)
	}
	asked := e.(*export.MachineInventory)
	if asked.Format != "zip" || len(asked.Filter.Facets) != 2 || asked.Scope.Tags[0] != 7 {
		t.Errorf("got %+v", asked)
	}
	for options, want := range map[string]string{
		`{"platform":"LINUX"}`: `options: there is no filter "platform"`,
		`{"ls":"x"}`:           `options: ls: "x" is not a number of days: write 7d`,
		`{"ls":7}`:             "options: an object of texts",
	} {
		if _, err := d.Ask(export.Request{Format: "zip", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", options, err, want)
		}
	}
}
