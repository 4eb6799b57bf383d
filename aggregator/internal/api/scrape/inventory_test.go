// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scrape_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
)

func deb(name, version, arch string) object {
	return object{"name": name, "version": version, "arch": arch}
}

func app(id, name, version, path string) object {
	return object{"app": object{"bundle_id": id, "bundle_name": name, "bundle_version_str": version}, "path": path}
}

func program(name, version, location string) object {
	return object{"program": object{"name": name, "version": version}, "install_location": location}
}

// fill reports the fleet that the expectations below were counted from.
func (w *world) fill() {
	w.t.Helper()
	osquery, munki, other, wsone := source("osquery", "osquery"), source("munki", "Munki"), source("other", "OSQuery"), source("wsone", "Workspace ONE")
	ubuntu := object{"name": "Ubuntu", "major": 24, "minor": 4, "patch": 0}
	w.report("L1", osquery, 6, object{"platform": "LINUX", "type": "EC2", "os_version": ubuntu, "deb_packages": list{
		deb("firefox", "1.0", "amd64"), deb("firefox", "1.0", "i386"), deb("falcon-sensor", "7", "amd64"), deb("bash", "5", "amd64"),
	}})
	w.report("L2", osquery, 24, object{ // exactly a day: not less
		"platform": "LINUX", "type": "SERVER", "os_version": object{"name": "Ubuntu", "major": 24, "minor": 4},
		"deb_packages": list{deb("firefox", "1.0", "amd64")},
	})
	w.report("L3", osquery, 100*24, object{"platform": "LINUX", "type": "EC2", "os_version": ubuntu, "deb_packages": list{
		deb("firefox", `2 "x"`, "amd64"), deb("falcon-sensor", "7", "amd64"),
	}})
	w.report("W1", osquery, 20*24, object{"platform": "WINDOWS", "os_version": object{"name": "Windows 11", "major": 11, "build": "22631.1", "version": "23H2"}, "program_instances": list{
		program("Firefox", "120", `C:\a`), program("Firefox", "120", `C:\b`), program("Zoom", "5", `C:\z`), program("Other", "1", `C:\o`),
	}})
	mac := object{"platform": "MACOS", "type": "LAPTOP", "os_version": object{"name": "macOS", "major": 15, "minor": 1, "patch": 0, "build": "24B83"}}
	mac["osx_app_instances"] = list{
		app("org.mozilla.firefox", "Firefox", "121.0", "/Applications/Firefox.app"), app("org.mozilla.firefox", "Firefox", "121.0", "/Users/a/Firefox.app"),
		object{"app": object{"bundle_id": "us.zoom.xos", "bundle_version_str": "6"}},
		app("com.apple.Safari", "us.zoom.xos", "17", "/Safari.app"),
	}
	w.report("M1", munki, 8*24, mac)
	mac["osx_app_instances"] = list{app("org.mozilla.firefox", "Firefox", "121.0", "/Applications/Firefox.app")}
	w.report("M1", other, 12, mac)
	w.report("A1", wsone, 1, object{"platform": "ANDROID", "type": "MOBILE", "android_apps": list{
		object{"display_name": "Google Pay", "version_name": "2.1"}, object{"display_name": "google pay", "version_name": "9"},
	}})
	w.report("I1", wsone, 40*24, object{"platform": "IOS", "type": "MOBILE", "ios_apps": list{object{"name": "1Password", "version": "8"}}})
	w.report("X1", osquery, 1, object{"platform": "LINUX", "type": "EC2", "os_version": ubuntu, "deb_packages": list{deb("firefox", "1.0", "amd64")}})
	w.report("P1", source("puppet", "puppet"), 1, object{"platform": "LINUX", "type": "VM", "deb_packages": list{deb("firefox", "1.0", "amd64")}})
	w.tag("Colour", "Blue", "L1", "X1", "GHOST")
	w.tag("", "plain", "L1")
	w.Ask(http.MethodPost, "/api/v1/machines/archive", object{"serial_numbers": list{"X1"}}).Want(http.StatusOK)
}

// inventoryOf is what the fleet gives for the documented configuration.
func inventoryOf(prefix, suffix, age, tagged string) []string {
	add := func(lines *[]string, family, labels string, counts ...int) {
		*lines = append(*lines, byAge(prefix+family+suffix, labels, age, counts...)...)
	}
	var want []string
	add(&want, "android_apps", `name="Google Pay",version="2.1",source_name="Workspace ONE",source_id="4"`, 1, 1, 1, 1, 1, 1, 1)
	add(&want, "deb_packages", `name="firefox",version="1.0",source_name="osquery",source_id="1",machine_type="EC2"`, 1, 1, 1, 1, 1, 1, 1)
	add(&want, "deb_packages", `name="firefox",version="1.0",source_name="osquery",source_id="1",machine_type="SERVER"`, 0, 1, 1, 1, 1, 1, 1)
	add(&want, "deb_packages", `name="firefox",version="2 \"x\"",source_name="osquery",source_id="1",machine_type="EC2"`, 0, 0, 0, 0, 0, 0, 1)
	add(&want, "deb_packages", `name="falcon-sensor",version="7",source_name="osquery",source_id="1",machine_type="EC2"`, 1, 1, 1, 1, 1, 1, 2)
	add(&want, "ios_apps", `name="1Password",version="8",source_name="Workspace ONE",source_id="4"`, 0, 0, 0, 0, 1, 1, 1)
	add(&want, "osx_apps", `name="Firefox",version="121.0",source_name="Munki",source_id="2"`, 0, 0, 2, 2, 2, 2, 2)
	add(&want, "osx_apps", `name="",version="6",source_name="Munki",source_id="2"`, 0, 0, 1, 1, 1, 1, 1)
	add(&want, "osx_apps", `name="Firefox",version="121.0",source_name="OSQuery",source_id="3"`, 1, 1, 1, 1, 1, 1, 1)
	add(&want, "programs", `name="Firefox",version="120",source_name="osquery",source_id="1"`, 0, 0, 0, 2, 2, 2, 2)
	add(&want, "programs", `name="Zoom",version="5",source_name="osquery",source_id="1"`, 0, 0, 0, 1, 1, 1, 1)
	add(&want, "os_versions", `name="Ubuntu",major="24",minor="4",patch="0",build="",version="",source_id="1",source_name="osquery",platform="LINUX"`, 1, 1, 1, 1, 1, 1, 2)
	add(&want, "os_versions", `name="Ubuntu",major="24",minor="4",patch="",build="",version="",source_id="1",source_name="osquery",platform="LINUX"`, 0, 1, 1, 1, 1, 1, 1)
	add(&want, "os_versions", `name="Windows 11",major="11",minor="",patch="",build="22631.1",version="23H2",source_id="1",source_name="osquery",platform="WINDOWS"`, 0, 0, 0, 1, 1, 1, 1)
	add(&want, "os_versions", `name="macOS",major="15",minor="1",patch="0",build="24B83",version="",source_id="2",source_name="Munki",platform="MACOS"`, 0, 0, 1, 1, 1, 1, 1)
	add(&want, "os_versions", `name="macOS",major="15",minor="1",patch="0",build="24B83",version="",source_id="3",source_name="OSQuery",platform="MACOS"`, 1, 1, 1, 1, 1, 1, 1)
	add(&want, "active_machines", `platform="LINUX",machine_type="EC2",source_id="1",source_name="osquery"`, 1, 1, 1, 1, 1, 1, 2)
	add(&want, "active_machines", `platform="LINUX",machine_type="SERVER",source_id="1",source_name="osquery"`, 0, 1, 1, 1, 1, 1, 1)
	add(&want, "active_machines", `platform="WINDOWS",machine_type="",source_id="1",source_name="osquery"`, 0, 0, 0, 1, 1, 1, 1)
	add(&want, "active_machines", `platform="MACOS",machine_type="LAPTOP",source_id="2",source_name="Munki"`, 0, 0, 1, 1, 1, 1, 1)
	add(&want, "active_machines", `platform="MACOS",machine_type="LAPTOP",source_id="3",source_name="OSQuery"`, 1, 1, 1, 1, 1, 1, 1)
	add(&want, "active_machines", `platform="ANDROID",machine_type="MOBILE",source_id="4",source_name="Workspace ONE"`, 1, 1, 1, 1, 1, 1, 1)
	add(&want, "active_machines", `platform="IOS",machine_type="MOBILE",source_id="4",source_name="Workspace ONE"`, 0, 0, 0, 0, 1, 1, 1)
	want = append(want, tagged+`{taxonomy="Colour",tag="Blue"} 3`, tagged+`{taxonomy="_",tag="plain"} 1`)
	for _, family := range []string{"android_apps", "deb_packages", "ios_apps", "osx_apps", "programs", "os_versions", "active_machines"} {
		want = append(want, `rollcall_inventory_series_cut{family="`+prefix+family+suffix+`"} 0`)
	}
	return append(want, `rollcall_inventory_series_cut{family="`+tagged+`"} 0`)
}

func TestInventoryCountsByTheNamesOfTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{Config: documented, Zentral: true})
	w.fill()
	text := w.scrape("/metrics/inventory/")
	w.expect(text, inventoryOf("zentral_inventory_", "_bucket", "le", "zentral_inventory_machine_tags"))
	for _, want := range []string{"# TYPE zentral_inventory_deb_packages_bucket gauge\n", "# TYPE zentral_inventory_machine_tags gauge\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
}

func TestInventoryCountsByOurNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{Config: documented})
	w.fill()
	text := w.scrape("/metrics/inventory/")
	w.expect(text, inventoryOf("rollcall_inventory_", "", "seen_within", "rollcall_inventory_tagged_machines"))
	lint(t, text)
	w.report("L9", source("osquery", "osquery"), 1, object{"platform": "LINUX", "type": "EC2", "deb_packages": list{deb("falcon-sensor", "7", "amd64")}})
	w.report("L9", source("munki", "Munki"), 1, object{"platform": "MACOS", "osx_app_instances": list{app("us.zoom.xos", "zoom.us", "6.1", "/z")}})
	w.tag("", "new", "L9", "GHOST2")
	after := samples(w.scrape("/metrics/inventory/"))
	for _, want := range w.numbered([]string{
		`rollcall_inventory_deb_packages{name="falcon-sensor",version="7",source_name="osquery",source_id="1",machine_type="EC2",seen_within="1d"} 2`,
		`rollcall_inventory_osx_apps{name="zoom.us",version="6.1",source_name="Munki",source_id="2",seen_within="all"} 1`,
		`rollcall_inventory_tagged_machines{taxonomy="_",tag="new"} 2`,
	}) {
		if !slices.Contains(after, want) {
			t.Errorf("there is no %s", want)
		}
	}
}

func TestOnlyWhatIsConfiguredIsThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		config   config.MetricsOptions
		families []string
		say      []string
	}{
		{name: "nothing", families: []string{"tagged_machines", "series_cut"}},
		{
			name:     "apps by name",
			config:   config.MetricsOptions{OSXApps: &config.MetricFamily{Sources: []string{"munki"}, BundleNames: []string{"us.zoom.xos"}}},
			families: []string{"osx_apps", "active_machines", "tagged_machines", "series_cut"},
			say:      []string{`osx_apps{name="us.zoom.xos",version="17",source_name="Munki",source_id="2",seen_within="all"} 1`},
		},
		{
			name: "apps by name or id",
			config: config.MetricsOptions{OSXApps: &config.MetricFamily{
				Sources: []string{"Munki"}, BundleNames: []string{"Firefox"}, BundleIDs: []string{"us.zoom.xos"},
			}},
			families: []string{"osx_apps", "active_machines", "tagged_machines", "series_cut"},
			say: []string{
				`osx_apps{name="",version="6",source_name="Munki",source_id="2",seen_within="all"} 1`,
				`osx_apps{name="Firefox",version="121.0",source_name="Munki",source_id="2",seen_within="all"} 2`,
			},
		},
		{
			name:     "a source that nobody has heard of",
			config:   config.MetricsOptions{OSVersions: &config.MetricFamily{Sources: []string{"nobody"}}},
			families: []string{"os_versions", "active_machines", "tagged_machines", "series_cut"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, metrics.FleetOptions{Config: test.config})
			w.fill()
			text := w.scrape("/metrics/inventory/")
			var families []string
			for line := range strings.Lines(text) {
				if rest, ok := strings.CutPrefix(line, "# TYPE rollcall_inventory_"); ok {
					families = append(families, strings.TrimSuffix(rest, " gauge\n"))
				}
			}
			if !slices.Equal(families, test.families) {
				t.Errorf("got %v, want %v", families, test.families)
			}
			apps, say := 0, w.numbered(test.say)
			for _, line := range samples(text) {
				line = strings.TrimPrefix(line, "rollcall_inventory_")
				if strings.HasPrefix(line, "osx_apps{") && strings.Contains(line, `"all"`) {
					if apps++; !slices.Contains(say, line) {
						t.Errorf("there is %s", line)
					}
				}
			}
			if apps != len(test.say) {
				t.Errorf("got %d sorts of apps, want %v", apps, test.say)
			}
		})
	}
}

func TestTheRarestSeriesAreCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{Config: documented, MaxSeries: 2})
	w.fill()
	lines := samples(w.scrape("/metrics/inventory/"))
	var debs []string
	for _, line := range lines {
		if strings.HasPrefix(line, "rollcall_inventory_deb_packages{") && strings.Contains(line, `"all"`) {
			debs = append(debs, line)
		}
	}
	if len(debs) != 2 || !strings.Contains(debs[0], `name="falcon-sensor",version="7"`) {
		t.Errorf("got %v", debs)
	}
	if want := `rollcall_inventory_series_cut{family="rollcall_inventory_deb_packages"} 2`; !slices.Contains(lines, want) {
		t.Errorf("there is no %s", want)
	}
}
