// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

// question is one request to the route with the pattern.
type question struct{ pattern, method, path, body string }

func (q question) String() string { return strings.TrimSpace(q.method + " " + q.path + " " + q.body) }

// filters are what machines can be searched by that only those outside have, and what all have.
var filters = []string{
	"tag:out", "NOT tag:out", "tag:in", "taxonomy:floor", "source:hidden-source", "software.name:hidden-deb", "software.name:openssl AND software.version>9",
	"software.name:openssl", "check:*", `check:"only outside"`, `check:"fails outside"=FAILED`, "status:FAILED", "status:OK", "NOT status:OK", "platform:MACOS",
	"os_version:*hidden*", "hardware_model:hidden*", `business_unit:"unit out"`, "business_unit:hidden", "principal_user:hidden*", "group:hidden*",
	"serial_number:M-*", "M-2", "computer_name:hidden*", "last_seen<1d", "last_seen>1d", "software.kind:program_instances",
}

// queries are what a route is asked beside nothing.
func queries() map[string][]string {
	var byFilter []string
	for _, f := range filters {
		byFilter = append(byFilter, "q="+url.QueryEscape(f))
	}
	inventory := []string{
		"export_format=zip", "export_format=pdf", "sf=mbu-t-t1-t2-mis-tp-pf-hm-osv-cs-awsa-eit-ccs.1-ccs.2-dp.hidden-deb-dp.openssl", "sn=M-2", "cn=hidden", "pu=hidden", "ma=02",
		"src=1", "src=2", "src=3", "mbu=1", "mbu=2", "t=1", "t=2", "t=4", "pf=MACOS", "osv=1", "osv=2", "hm=hidden%20model", "cs=3", "ccs.2=3", "ccs.3=0", "dp.hidden-deb=6.6-6", "mis=2", "mis=1",
	}
	bySource := []string{"source_name=hidden-source", "source_name=door", "source_name=unknown"}
	all := map[string][]string{
		"GET /api/v1/machines": append(byFilter, "limit=1", "platform=MACOS", "platform=LINUX&limit=2", "source=hidden-source", "source=door&limit=1"),
		"GET /api/v1/software": {"limit=1", "q=hidden", "q=openssl", "kind=deb_packages&limit=2", "kind=program_instances"},
		"GET /api/v1/software/machines": {
			"kind=deb_packages&name=hidden-deb", "kind=deb_packages&name=openssl", "kind=deb_packages&name=openssl&version_gt=3.0.9-1", "kind=deb_packages&name=openssl&limit=1",
			"kind=deb_packages&name=openssl&source=hidden-source", "kind=program_instances&name=hidden%20program", "kind=program_instances&name=in0%20program&version_lt=2",
		},
		"GET /api/v1/search":                             {"q=hidden-deb", "q=hidden", "q=opensll", "q=M-2", "q=M", "q=M&limit=1", "q=in1+computer&type=machine", "q=hidden&type=software"},
		"GET /api/v1/diff":                               {"left=M-1&right=M-2", "left=M-2&right=M-1", "left=M-1&right=M-3", "left=M-1&right=nobody", "left=nobody&right=M-2"},
		"GET /api/v1/machines/{serial}":                  {"at=2020-01-01T00:00:00Z", "at=2200-01-01T00:00:00Z"},
		"GET /api/v1/machines/{serial}/diff":             {"from=2020-01-01T00:00:00Z", "from=2200-01-01T00:00:00Z", "source=door&against=munki", "source=door&against=hidden-source"},
		"GET /api/v1/machines/{serial}/snapshot":         {"source=door", "source=hidden-source"},
		"GET /api/v1/machines/{serial}/software":         {"source=door", "source=door&limit=1", "source=hidden-source"},
		"GET /api/v1/machines/{serial}/changes":          {"source=door", "source=door&limit=1", "source=hidden-source"},
		"GET /api/v1/exports/{file}":                     {"source=door", "source=hidden-source"},
		"GET /api/v1/checks/{id}/statuses":               {"limit=1"},
		"GET /api/v1/events":                             {"limit=1", "type=add_machine", "serial_number=M-1", "serial_number=M-2", "tag=machine_update&source=hidden-source", "machine_tag=1,2"},
		"GET /api/v1/waivers":                            {"limit=1", "check_id=1", "check_id=1&serial_number=M-0", "serial_number=M-1", "state=active"},
		"GET /api/v1/tasks":                              {"all=true", "limit=1"},
		"POST /api/inventory/machines/export/":           inventory,
		"POST /api/inventory/full_export/":               {"since=2020-01-01T00:00:00", "since=2200-01-01T00:00:00"},
		"POST /api/inventory/machines/export_snapshots/": bySource,
	}
	for _, list := range []string{"tags", "taxonomies", "sources", "groups", "principal_users", "business_units"} {
		all["GET /api/v1/"+list] = []string{"limit=1"}
	}
	for _, kind := range []string{"android_apps", "deb_packages", "ios_apps", "macos_app_instances", "program_instances"} {
		all["POST /api/inventory/machines/export_"+kind+"/"] = bySource
	}
	return all
}

// bodies are what routes are sent beside an empty object. Those of mass operations stand in massQuestions.
func bodies() map[string][]string {
	reports := []string{`{"export_format":"csv"}`, `{"source":"3"}`, `{"source":1,"export_format":"csv"}`, `{"last_seen":"1d"}`}
	all := map[string][]string{}
	for path, search := range map[string]string{
		"android_apps": "display_name", "deb_packages": "name", "ios_apps": "name", "macos_apps": "bundle_name", "programs": "name",
	} {
		all["POST /api/inventory/"+path+"/export/"] = append(reports, `{"export_format":"csv","`+search+`":"hidden"}`)
	}
	for _, serial := range []string{"M-4", "nobody", "M-3"} {
		all["POST /api/v1/waivers"] = append(all["POST /api/v1/waivers"], waiverOf(1, serial))
	}
	all["PUT /api/v1/waivers/{id}"] = []string{waiverOf(1, inside[0]), waiverOf(1, outside[0]), waiverOf(1, "nobody")}
	const overAll = `"source_name":"door","platforms":["LINUX","MACOS"],"jmespath_expression":"system_info.computer_name == 'hidden computer'"`
	all["POST /api/v1/checks/dry-run"] = []string{
		`{` + overAll + `}`, `{` + overAll + `,"serial_number":"M-2"}`, `{` + overAll + `,"serial_number":"M-1"}`, `{` + overAll + `,"serial_number":"nobody"}`,
		`{"check_id":1}`, `{"check_id":2,"limit":1}`, `{"check_id":3}`, `{` + overAll + `,"tags":[2]}`,
	}
	for _, d := range export.Datasets() {
		if d.Ask == nil {
			continue
		}
		all["POST /api/v1/exports"] = append(all["POST /api/v1/exports"], fmt.Sprintf(`{"dataset":%q}`, d.Name))
	}
	return all
}

// waiverOf is a waiver of a machine from a check.
func waiverOf(check int64, serial string) string {
	return fmt.Sprintf(`{"check_id":%d,"serial_number":%q,"owner":"jane","reason":"old","expires_at":%q}`,
		check, serial, time.Now().Add(30*24*time.Hour).UTC().Format(time.RFC3339))
}

// isMass tells whether a route changes machines.
func isMass(pattern string) bool {
	return slices.ContainsFunc([]string{"/machines/tags", "/machines/archive", "/machines/prune"}, func(end string) bool {
		return strings.HasSuffix(strings.TrimSuffix(pattern, "/"), end) && strings.HasPrefix(pattern, http.MethodPost)
	})
}

// questions asks a route in every way, about machines inside, outside and unknown ones.
func (f *fleet) questions(route api.Route) []question {
	method, pattern, _ := strings.Cut(route.Pattern, " ")
	if pattern == "/api/v1/events/stream" { // it is cut off somewhere; its own test asks it
		return nil
	}
	texts := append([]string{""}, bodies()[route.Pattern]...)
	if method == http.MethodPost || method == http.MethodPut {
		texts[0] = "{}"
	}
	var all []question
	for _, path := range f.paths(pattern) {
		for _, text := range texts {
			all = append(all, question{route.Pattern, method, path, text})
		}
		for _, query := range queries()[route.Pattern] {
			all = append(all, question{route.Pattern, method, path + "?" + query, texts[0]})
		}
	}
	return all
}

// paths fills in the parameters of a path.
func (f *fleet) paths(pattern string) []string {
	name := strings.Trim(parameter.FindString(pattern), "{}")
	values := map[string][]string{
		"": {""}, "serial": append([]string{"nobody"}, slices.Concat(inside, outside)...), "pk": {"1", "2", "3", "4", "999"}, "id": {"1", "2", "3", "999"},
		"file": {"agent.deb"}, "name": {"webhook.none"},
	}[name]
	switch {
	case strings.Contains(pattern, "/task"):
		values = []string{f.adminTask, "6f1c1a52-58a5-4dd8-8a5b-3f2f6ee8a4f5", "x"}
	case strings.Contains(pattern, "/exports/"):
		values = []string{"nothing.csv"}
		for _, kind := range export.Kinds() {
			values = append(values, kind+".csv")
		}
	}
	if values == nil {
		f.t.Fatalf("%s: what to ask for as {%s}?", pattern, name)
	}
	var all []string
	for _, value := range values {
		all = append(all, strings.ReplaceAll(pattern, "{"+name+"}", value))
	}
	return all
}

// massQuestions change machines inside and name others.
func massQuestions() []question {
	var all []question
	mixed := `"serial_numbers":["M-1","M-2","M-4","nobody"]`
	for _, door := range []string{"/api/v1/machines/%s", "/api/inventory/machines/%s/"} {
		post := func(operation, body string) {
			all = append(all, question{"", http.MethodPost, fmt.Sprintf(door, operation), body})
		}
		for _, operation := range []string{
			`{"kind":"ADD","names":["out","new tag"]}`, `{"kind":"REMOVE","names":["out","new tag"]}`, `{"kind":"SET","taxonomy":"floor","names":["floor out"]}`,
		} {
			post("tags", `{`+mixed+`,"operations":[`+operation+`]}`)
			post("tags", `{"serial_numbers":["M-2"],"operations":[`+operation+`]}`)
			post("tags", `{"principal_users":{"unique_ids":["hidden id","in1 id"],"principal_names":["hidden@example.org"]},"operations":[`+operation+`]}`)
		}
		post("archive", `{"serial_numbers":["M-0","M-2","nobody"]}`)
		post("archive", `{`+mixed+`}`)
		post("prune", `{"serial_numbers":["M-0","M-6","nobody"]}`)
		post("prune", `{`+strings.Replace(mixed, "M-1", "M-3", 1)+`}`)
	}
	return all
}
