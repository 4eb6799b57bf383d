// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

func TestFullExportIsRelational(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.report(laptop)
	o.golden("full.golden", now.ReplaceAllString(unpacked(t, o.run(&export.Full{})), "NOW"))
}

// dump is a full export by model.
type dump map[string][]map[string]any

func (o *office) dump(e export.Full) dump {
	o.t.Helper()
	d := dump{}
	model := ""
	for line := range strings.Lines(unpacked(o.t, o.run(&e))) {
		if name, ok := strings.CutPrefix(line, "== zentral_"); ok {
			model = strings.TrimSuffix(strings.TrimSpace(name), "_0001.jsonl")
			continue
		}
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			o.t.Fatal(err, line)
		}
		d[model] = append(d[model], row)
	}
	return d
}

// packages returns the Debian packages that a snapshot is joined to: "bash 1, vim 2".
func (d dump) packages(machine map[string]any) string {
	var names []string
	for _, join := range d["machine_deb_package"] {
		if join["ms_id"] != machine["ms_id"] {
			continue
		}
		for _, p := range d["deb_package"] {
			if p["id"] == join["deb_package_id"] {
				names = append(names, fmt.Sprint(p["name"], " ", p["version"]))
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// history returns what each snapshot of a machine has, the newest first.
func (d dump) history(serial string) (states []string) {
	for _, m := range d["machine"] {
		if m["serial_number"] == serial {
			states = append(states, d.packages(m))
		}
	}
	return states
}

func packagesOf(serial, packages string) string {
	return fmt.Sprintf(`{"source":{"module":"m","name":"s"},"serial_number":%q,"deb_packages":[%s]}`, serial, packages)
}

const (
	bash1 = `{"name":"bash","version":"1"}`
	bash2 = `{"name":"bash","version":"2"}`
	vim   = `{"name":"vim","version":"2"}`
)

func TestFullExportHasTheHistory(t *testing.T) {
	t.Parallel()
	o := emptyOffice(t)
	o.report(packagesOf("A", bash1))
	o.report(packagesOf("A", bash1+","+vim))
	o.report(packagesOf("B", bash1))
	o.report(packagesOf("A", bash2+","+vim))
	o.report(packagesOf("A", bash1+","+vim)) // as it was before
	before := o.dump(export.Full{})
	if got, want := fmt.Sprint(before.history("A")), "[bash 1, vim 2 bash 2, vim 2 bash 1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := len(before["deb_package"]); got != 3 {
		t.Errorf("got %d packages, want each of the 3 once", got)
	}
	ids := map[any]bool{}
	for _, m := range before["machine"] {
		if ids[m["ms_id"]] || len(m["mt_hash"].(string)) != 40 {
			t.Errorf("got %v", m)
		}
		ids[m["ms_id"]] = true
	}
	o.report(packagesOf("A", vim))
	after := o.dump(export.Full{})
	if got, want := fmt.Sprint(after.history("A")), "[vim 2 bash 1, vim 2 bash 2, vim 2 bash 1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, m := range after["machine"] {
		for _, old := range before["machine"] {
			if m["ms_id"] == old["ms_id"] && (m["mt_hash"] != old["mt_hash"] || m["mt_created_at"] != old["mt_created_at"]) {
				t.Errorf("snapshot %v was %v", m, old)
			}
		}
		delete(ids, m["ms_id"])
	}
	if len(ids) != 0 {
		t.Errorf("the next export lacks %v", ids)
	}
}

func TestFullExportSinceAMoment(t *testing.T) {
	t.Parallel()
	o := emptyOffice(t)
	o.report(packagesOf("A", bash1))
	o.report(packagesOf("B", vim))
	o.report(packagesOf("A", bash2))
	d := o.dump(export.Full{})
	since, err := time.Parse("2006-01-02T15:04:05.999999", d["machine"][0]["mt_created_at"].(string)) // of A's second snapshot
	if err != nil {
		t.Fatal(err)
	}
	d = o.dump(export.Full{Since: since})
	if got := fmt.Sprint(d.history("A"), d.history("B"), len(d["deb_package"])); got != "[bash 2] [] 1" {
		t.Errorf("got %s", got)
	}
	if d = o.dump(export.Full{Since: since.Add(time.Microsecond)}); len(d) != 0 {
		t.Errorf("got %v, want nothing", d)
	}
	o.report(packagesOf("A", bash1)) // which is no new snapshot
	if d = o.dump(export.Full{Since: since.Add(time.Microsecond)}); len(d) != 0 {
		t.Errorf("got %v, want nothing", d)
	}
}

func TestFullExportHasWhatIsKept(t *testing.T) {
	t.Parallel()
	o := emptyOffice(t)
	for _, packages := range []string{bash1, bash2, vim, bash2 + "," + vim} {
		o.report(packagesOf("A", packages))
	}
	before := o.dump(export.Full{})["machine"]
	for _, test := range []struct {
		gone int // changes
		want string
	}{
		{1, "[bash 2, vim 2 vim 2 bash 2]"},
		{3, "[bash 2, vim 2]"},
		{4, "[bash 2, vim 2]"}, // what a machine is now is always kept
	} {
		if _, err := o.pool.Exec(t.Context(), "DELETE FROM change WHERE seq <= $1", test.gone); err != nil {
			t.Fatal(err)
		}
		d := o.dump(export.Full{})
		if got := fmt.Sprint(d.history("A")); got != test.want {
			t.Errorf("without %d changes: got %s, want %s", test.gone, got, test.want)
		}
		for i, m := range d["machine"] {
			if fmt.Sprint(m) != fmt.Sprint(before[i]) {
				t.Errorf("without %d changes: got %v, want %v", test.gone, m, before[i])
			}
		}
	}
}

func TestArchivedMachinesAreInTheFullExportOnly(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if _, err := o.Archive(t.Context(), []string{"C02B"}); err != nil {
		t.Fatal(err)
	}
	if got := len(o.dump(export.Full{})["machine"]); got != 4 {
		t.Errorf("the full export has %d snapshots, want 4", got)
	}
	if got := serials(o.tables("cs=300", auth.Scope{})["machines.csv"]); got != "" {
		t.Errorf("the inventory has %s", got)
	}
	if got := unpacked(t, o.run(&export.Snapshots{})); strings.Contains(got, "C02B") {
		t.Errorf("the snapshots have %s", got)
	}
}

func TestFullExportHasLongHistories(t *testing.T) {
	t.Parallel()
	o := emptyOffice(t)
	const changes = 45 // more than two pages
	for i := range changes {
		o.report(packagesOf("A", fmt.Sprintf(`{"name":"bash","version":"%d"}`, i)))
	}
	got := o.dump(export.Full{}).history("A")
	for i := range changes {
		if want := fmt.Sprint("bash ", changes-1-i); len(got) != changes || got[i] != want {
			t.Fatalf("got %d states, the one %d changes ago is %v", len(got), i, got[min(i, len(got)-1)])
		}
	}
}

func TestFullExportOfAPrincipalWithAScope(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, test := range []struct {
		scope auth.Scope
		want  string
	}{
		{auth.TaggedWith(o.tags["IT"]), "2 machines, 1 business_unit, 0 deb_package, 2 source, 2 system_info"},
		{auth.TaggedWith(), "0 machines, 0 business_unit, 0 deb_package, 0 source, 0 system_info"},
		{auth.Scope{}, "4 machines, 1 business_unit, 3 deb_package, 2 source, 3 system_info"},
	} {
		d := o.dump(export.Full{Scope: test.scope})
		got := fmt.Sprintf("%d machines, %d business_unit, %d deb_package, %d source, %d system_info",
			len(d["machine"]), len(d["business_unit"]), len(d["deb_package"]), len(d["source"]), len(d["system_info"]))
		if got != test.want {
			t.Errorf("scope %v: got %s, want %s", test.scope, got, test.want)
		}
	}
}
