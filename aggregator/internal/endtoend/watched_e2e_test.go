// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// watchedConfiguration takes the file of the bearer token, and address and secret of a webhook.
const watchedConfiguration = `
metrics: true
metrics_bearer_token_file: %s
metrics_options:
  android_apps: {sources: [mdm], names: [Maps]}
  deb_packages: {sources: [osquery], names: [openssl, bash]}
  ios_apps: {sources: [mdm], names: [Mail]}
  osx_apps: {sources: [munki], bundle_ids: [org.mozilla.firefox]}
  programs: {sources: [osquery], names: [7-Zip]}
  os_versions: {sources: [osquery, munki, mdm]}
sinks: [{name: siem, kind: webhook, url: %q, secret: %q}]
`

// watchedMachines is how many fill makes.
const watchedMachines = 13

// reportWatched submits a machine.
func (f *watchedFleet) reportWatched(serial, source, system string, major int, more map[string]any) {
	tree := map[string]any{
		"serial_number": serial, "source": map[string]any{"module": "test." + source, "name": source},
		"os_version": map[string]any{"name": system, "major": major, "build": fmt.Sprint("b", major)},
	}
	for key, value := range more {
		tree[key] = value
	}
	f.post("/api/v1/snapshots", tree, nil)
}

// change gives the phone another version of its system, which the sink is told.
func (f *watchedFleet) change() {
	f.changes++
	f.reportWatched("PHONE-0", "mdm", "iOS", 17+f.changes, map[string]any{"platform": "IOS", "ios_apps": []any{map[string]any{"name": "Mail", "version": "1"}}})
}

// fill makes machines of every kind, tags, checks with every status, a waiver, and a real agent.
func (f *watchedFleet) fill(t *testing.T) {
	t.Helper()
	openssl := func(version string) map[string]any {
		return map[string]any{"platform": "LINUX", "type": "SERVER", "deb_packages": []any{map[string]any{"name": "openssl", "version": version}}}
	}
	for i := range 6 {
		f.reportWatched(fmt.Sprint("LINUX-", i), "osquery", "Debian", 10+i/2, openssl(fmt.Sprint("3.0.", i/4)))
	}
	for i := range 3 {
		f.reportWatched(fmt.Sprint("MAC-", i), "munki", "macOS", 13+i, map[string]any{"platform": "MACOS", "type": "LAPTOP", "osx_app_instances": []any{
			map[string]any{"app": map[string]any{"bundle_id": "org.mozilla.firefox", "bundle_name": "Firefox", "bundle_version_str": "121.0"}, "bundle_path": "/Applications/Firefox.app"},
		}})
	}
	f.reportWatched("WINDOWS-0", "osquery", "Windows", 11, map[string]any{"platform": "WINDOWS", "program_instances": []any{
		map[string]any{"program": map[string]any{"name": "7-Zip", "version": "23.01"}},
	}})
	f.change()
	f.reportWatched("PHONE-1", "mdm", "Android", 15, map[string]any{"platform": "ANDROID", "android_apps": []any{map[string]any{"display_name": "Maps", "version_name": "5"}}})

	f.agent = newEndpoint(t, 3)
	f.agent.enroll(f.site.url, f.site.must("enrollment", "create", "--name", "test"))
	f.agent.mustOnce()

	f.post("/api/v1/machines/tags", map[string]any{"serial_numbers": []string{"LINUX-0", "LINUX-1", "MAC-0"}, "operations": []any{
		map[string]any{"kind": "ADD", "names": []string{"web", "berlin"}},
	}}, nil)
	for _, check := range []map[string]any{
		{"name": "release", "severity": "high", "source_name": "osquery", "platforms": []string{"LINUX"}, "jmespath_expression": "os_version.major >= `12`"},
		{"name": "has openssl", "severity": "low", "source_name": "osquery", "jmespath_expression": "length(deb_packages[?name == 'openssl']) > `0`"},
		{"name": "nobody knows", "severity": "medium", "source_name": "munki", "jmespath_expression": "os_version.nowhere"},
	} {
		var created struct{ ID int64 }
		f.post("/api/v1/checks", check, &created)
		f.checks[check["name"].(string)] = created.ID
	}
	f.post("/api/v1/waivers", map[string]any{
		"check_id": f.checks["release"], "serial_number": "LINUX-0", "owner": "ops", "reason": "is replaced next week",
		"expires_at": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}, nil)
}

// post writes to the API.
func (f *watchedFleet) post(path string, body, answer any) {
	if answer == nil {
		answer = &struct{}{}
	}
	f.site.send(f.api, http.MethodPost, path, body, answer)
}

// rows reads a list of the API whole.
func rows[T any](f *watchedFleet, path, key string, query url.Values) []T {
	f.site.t.Helper()
	var all []T
	for {
		answer := map[string]json.RawMessage{}
		f.site.get(f.api, path+"?"+query.Encode(), &answer)
		var page []T
		var cursor *string
		if err := json.Unmarshal(answer[key], &page); err != nil {
			f.site.t.Fatalf("%s: %v", path, err)
		}
		if err := json.Unmarshal(answer["next_cursor"], &cursor); err != nil {
			f.site.t.Fatalf("%s: %v", path, err)
		}
		all = append(all, page...)
		if cursor == nil {
			return all
		}
		query.Set("cursor", *cursor)
	}
}

// listedMachine is a machine in the API's list.
type listedMachine struct {
	SerialNumber string `json:"serial_number"`
	Platform     string
	Sources      []struct{ Name string }
}

func (f *watchedFleet) list() []listedMachine {
	return rows[listedMachine](f, "/api/v1/machines", "machines", url.Values{"limit": {"5"}})
}

func (f *watchedFleet) platforms() map[string]int {
	count := map[string]int{}
	for _, m := range f.list() {
		count[m.Platform]++
	}
	return count
}

// sources counts the machines of the sources that metrics are configured for.
func (f *watchedFleet) sources() map[string]int {
	count := map[string]int{}
	for _, m := range f.list() {
		for _, s := range m.Sources {
			if s.Name == "osquery" || s.Name == "munki" || s.Name == "mdm" {
				count[s.Name]++
			}
		}
	}
	return count
}

// statuses counts machines by check and status, as NAME|STATUS. A failure that is waived is WAIVED.
func (f *watchedFleet) statuses() map[string]int {
	count := map[string]int{}
	for name, id := range f.checks {
		for _, s := range rows[struct {
			Display string `json:"status_display"`
			Waived  bool
		}](f, fmt.Sprintf("/api/v1/checks/%d/statuses", id), "statuses", url.Values{}) {
			if s.Waived && s.Display == "FAILED" {
				s.Display = "WAIVED"
			}
			count[name+"|"+s.Display]++
		}
	}
	return count
}

func (f *watchedFleet) tags() map[string]int {
	count := map[string]int{}
	for _, tag := range rows[struct {
		Name     string
		Machines int
	}](f, "/api/v1/tags", "tags", url.Values{}) {
		count[tag.Name] = tag.Machines
	}
	return count
}

func (f *watchedFleet) versions() map[string]int {
	count := map[string]int{}
	for _, s := range rows[struct {
		Name, Version string
		Machines      int
	}](f, "/api/v1/software", "software", url.Values{"kind": {"deb_packages"}, "q": {"openssl"}}) {
		if s.Name == "openssl" {
			count[s.Version] += s.Machines
		}
	}
	return count
}

// overall counts machines by the worst of their statuses, waived failures apart; pending ones do not count.
func (f *watchedFleet) overall(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	machines := f.list()
	if len(machines) != watchedMachines {
		t.Errorf("the API lists %d machines of %d", len(machines), watchedMachines)
	}
	for _, m := range machines {
		worst, name := -1, "NONE"
		for _, s := range rows[struct {
			Status  int
			Display string `json:"status_display"`
			Waived  bool
		}](f, "/api/v1/machines/"+m.SerialNumber+"/statuses", "statuses", url.Values{}) {
			if s.Waived && s.Display != "PENDING" {
				s.Status, s.Display = 0, "OK"
			}
			if s.Display != "PENDING" && s.Status > worst {
				worst, name = s.Status, s.Display
			}
		}
		count[name]++
	}
	return count
}
