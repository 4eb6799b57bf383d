// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// The machines of a fleet lie in and out of the reach of whoever is limited to the tag "in"; by serial number they take
// turns. What only the latter have is called hidden.
var (
	inside  = []string{"M-1", "M-3", "M-5"}
	outside = []string{"M-0", "M-2", "M-4", "M-6"}
)

// fleet is a world with everything that a route could tell of.
type fleet struct {
	*apitest.World
	t testing.TB

	in, out   int64  // ids of tags
	adminTask string // an export that somebody else asked for
	files     map[string]string
}

// newFleet returns a fleet; without the machines outside it is the same but for them.
func newFleet(t *testing.T, whole bool) *fleet {
	t.Helper()
	f := &fleet{World: apitest.New(t, apitest.Options{Tasks: true}), t: t, files: map[string]string{}}
	f.objects()
	for i, serial := range inside {
		f.report(serial, "door", machineInside(i))
		f.report(serial, "munki", map[string]any{"os_version": map[string]any{"name": "Debian GNU/Linux", "major": 12}})
	}
	changed := machineInside(0)
	changed["deb_packages"] = []any{deb("openssl", "3.0.9-1"), deb("bash", "5.2-1"), deb("new", "1-1")}
	f.report(inside[0], "door", changed)
	f.tag(inside, "in")
	f.tag(inside[:1], "floor in")
	f.Ask(http.MethodPost, "/api/v1/waivers", waiverOf(1, inside[0])).Want(http.StatusCreated)
	if whole {
		for i, serial := range outside {
			f.report(serial, "door", machineOutside(i))
			f.report(serial, "hidden-source", machineOutside(i))
		}
		f.tag(outside, "out")
		f.tag(outside[:1], "floor out")
		f.Ask(http.MethodPost, "/api/v1/waivers", waiverOf(1, outside[0])).Want(http.StatusCreated)
		f.Ask(http.MethodPost, "/api/v1/machines/archive", map[string]any{"serial_numbers": outside[3:]}).Want(http.StatusOK)
	}
	launched := f.Ask(http.MethodPost, "/api/v1/exports", `{"dataset":"machine_snapshots"}`).Want(http.StatusAccepted).Object()
	f.adminTask = launched["id"].(string)
	f.Await(f.adminTask)
	return f
}

// objects makes what is there whatever the machines are.
func (f *fleet) objects() {
	f.t.Helper()
	post := func(path string, body any) int64 {
		return int64(f.Ask(http.MethodPost, path, body).Want(http.StatusCreated).Object()["id"].(float64))
	}
	unit := post("/api/inventory/meta_business_units/", `{"name":"unit in"}`)
	post("/api/inventory/meta_business_units/", `{"name":"unit out"}`)
	floor := post("/api/inventory/taxonomies/", `{"name":"floor"}`)
	f.in = post("/api/inventory/tags/", `{"name":"in"}`)
	f.out = post("/api/inventory/tags/", `{"name":"out"}`)
	for _, name := range []string{"floor in", "floor out"} {
		post("/api/inventory/tags/", map[string]any{"name": name, "taxonomy": floor})
	}
	for i, check := range []map[string]any{
		{"name": "no old openssl", "jmespath_expression": "!contains(deb_packages[].version, '3.0.9-1')"},
		{"name": "fails outside", "jmespath_expression": "!contains(deb_packages[].name, 'hidden-deb')"},
		{"name": "only outside", "jmespath_expression": "platform == 'MACOS'", "tags": []int64{f.out}},
	} {
		check["source_name"], check["platforms"] = "door", []string{"LINUX", "MACOS"}
		if id := post("/api/v1/checks", check); id != int64(i+1) {
			f.t.Fatalf("the check has the id %d", id)
		}
	}
	configuration := post("/api/v1/configurations", `{"name":"c"}`)
	post("/api/v1/enrollments", map[string]any{"name": "e", "configuration": configuration, "business_unit": unit})
	osquery := post("/api/osquery/configurations/", `{"name":"o"}`)
	post("/api/osquery/enrollments/", map[string]any{"configuration": osquery, "secret": map[string]any{"meta_business_unit": unit}})
	munki := post("/api/munki/configurations/", `{"name":"m"}`)
	post("/api/munki/enrollments/", map[string]any{"configuration": munki, "secret": map[string]any{"meta_business_unit": unit}})
	post("/api/v1/users", `{"name":"jane","roles":["admin"],"password":"correct horse battery"}`)
}

// report submits a tree.
func (f *fleet) report(serial, source string, tree map[string]any) {
	f.t.Helper()
	tree["serial_number"], tree["source"] = serial, map[string]any{"module": "test." + source, "name": source}
	tree["last_seen"] = "2026-03-04T05:06:07Z"
	if a := f.Ask(http.MethodPost, "/api/v1/snapshots", tree); a.Status != http.StatusCreated && a.Status != http.StatusOK {
		f.t.Fatalf("%s: %d %s", serial, a.Status, a.Body)
	}
}

func (f *fleet) tag(serials []string, name string) {
	f.t.Helper()
	f.Ask(http.MethodPost, "/api/v1/machines/tags", map[string]any{
		"serial_numbers": serials, "operations": []any{map[string]any{"kind": "ADD", "names": []string{name}}},
	}).Want(http.StatusOK)
}

// scoped returns the token of somebody who may do everything, but only to machines inside.
func (f *fleet) scoped() string {
	f.t.Helper()
	return f.TokenFor(apitest.Role{Permissions: auth.Permissions(), Tags: []int64{f.in}})
}

// mixed is like scoped, but sees the objects that admins manage everywhere.
func (f *fleet) mixed() string {
	f.t.Helper()
	wide := []auth.Permission{auth.ReadChecks, "inventory.view_tag", "inventory.view_taxonomy", "inventory.view_metabusinessunit"}
	narrow := slices.DeleteFunc(auth.Permissions(), func(p auth.Permission) bool { return slices.Contains(wide, p) })
	return f.TokenFor(apitest.Role{Permissions: wide}, apitest.Role{Permissions: narrow, Tags: []int64{f.in}})
}

// machineInside is the tree of the i-th machine in reach.
func machineInside(i int) map[string]any {
	return machineOf(fmt.Sprint("in", i), "LINUX", fmt.Sprint("3.0.", 9+i, "-1"))
}

// machineOutside shares software with those inside and has some of its own.
func machineOutside(i int) map[string]any {
	tree := machineOf("hidden", []string{"LINUX", "MACOS", "WINDOWS", "LINUX"}[i], "3.0.9-1")
	tree["deb_packages"] = append(tree["deb_packages"].([]any), deb("hidden-deb", "6.6-6"), deb("openssl", "9.9.9-hidden"))
	return tree
}

// machineOf is a tree with something of every sort, named after the machine.
func machineOf(name, platform, openssl string) map[string]any {
	system := map[string]string{"LINUX": "Debian GNU/Linux", "MACOS": "macOS", "WINDOWS": "Windows"}[platform]
	source := map[string]any{"module": "test.door", "name": "door"}
	unit := "unit in"
	if name == "hidden" {
		unit, system = "unit out", system+" hidden"
	}
	return map[string]any{
		"platform": platform, "os_version": map[string]any{"name": system, "major": 12},
		"system_info":        map[string]any{"computer_name": name + " computer", "hardware_model": name + " model"},
		"network_interfaces": []any{map[string]any{"interface": "eth0", "mac": "02:00:00:00:00:01", "address": "192.0.2.1"}},
		"principal_user":     map[string]any{"source": map[string]any{"type": "INVENTORY"}, "unique_id": name + " id", "principal_name": name + "@example.org"},
		"groups":             []any{map[string]any{"source": source, "reference": name, "name": name + " group"}},
		"business_unit":      map[string]any{"source": source, "reference": name, "name": unit},
		"deb_packages":       []any{deb("openssl", openssl), deb("bash", "5.2-1"), deb(name+"-deb", "1-1")},
		"android_apps":       []any{map[string]any{"display_name": name + " app", "version_name": "1"}},
		"ios_apps":           []any{map[string]any{"name": name + " app", "version": "1"}},
		"osx_app_instances":  []any{map[string]any{"app": map[string]any{"bundle_id": "org." + name, "bundle_name": name + " app", "bundle_version": "1"}}},
		"program_instances":  []any{map[string]any{"program": map[string]any{"name": name + " program", "version": "one of " + name}}},
		"ec2_instance_tags":  []any{map[string]any{"key": "Name", "value": name}},
		"extra_facts":        map[string]any{"note": name},
	}
}

func deb(name, version string) map[string]any {
	return map[string]any{"name": name, "version": version, "arch": "amd64", "status": "install ok installed"}
}
