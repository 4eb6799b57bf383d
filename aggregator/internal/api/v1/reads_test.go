// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// report submits a tree of a source with some keys.
func (w *world) report(serial, source string, keys map[string]any) {
	w.T.Helper()
	tree := map[string]any{"serial_number": serial, "source": map[string]any{"module": "test." + source, "name": source}}
	for key, value := range keys {
		tree[key] = value
	}
	if a := w.Ask(http.MethodPost, "/api/v1/snapshots", tree); a.Status != http.StatusCreated && a.Status != http.StatusOK {
		w.T.Fatalf("%s: %d %s", serial, a.Status, a.Body)
	}
}

// office submits three machines; two of them carry the tag, whose id it returns.
func (w *world) office() int64 {
	w.T.Helper()
	for i, serial := range []string{"IN-1", "IN-2", "OUT-3"} {
		w.report(serial, "door", map[string]any{
			"platform": "LINUX", "system_info": map[string]any{"computer_name": fmt.Sprint("machine-", i+1)},
			"deb_packages":   []any{map[string]any{"name": "openssl", "version": fmt.Sprintf("3.0.%d-1", 9+i)}, map[string]any{"name": "only-" + serial, "version": "1"}},
			"principal_user": map[string]any{"source": map[string]any{"type": "INVENTORY"}, "unique_id": serial, "principal_name": "user of " + serial},
			"groups": []any{map[string]any{
				"source": map[string]any{"module": "test.door", "name": "door"}, "reference": "g-" + serial, "name": "group of " + serial,
			}},
		})
	}
	w.report("OUT-3", "secret", map[string]any{"platform": "LINUX"})
	var tag int64
	if err := w.Pool.QueryRow(w.T.Context(), "INSERT INTO tag (name, slug) VALUES ('office', 'office') RETURNING id").Scan(&tag); err != nil {
		w.T.Fatal(err)
	}
	_, err := w.Pool.Exec(w.T.Context(), `WITH t AS (INSERT INTO machine_tag (machine, tag) SELECT id, $1 FROM machine WHERE serial_number LIKE 'IN-%' RETURNING machine)
		INSERT INTO journal (what, machine) SELECT 'tag', machine FROM t`, tag)
	if err != nil {
		w.T.Fatal(err)
	}
	return tag
}

func serials(a apitest.Answer) []string {
	found := []string{}
	for _, m := range a.List("machines") {
		found = append(found, m["serial_number"].(string))
	}
	return found
}

func TestMachinesAreFoundByFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.office()
	tests := []struct {
		q    string
		want []string
	}{
		{"platform:LINUX AND software.name:openssl AND software.version<3.0.11", []string{"IN-1", "IN-2"}},
		{"software.name:openssl AND software.version>=3.0.11", []string{"OUT-3"}},
		{"software.name:only-* AND software.version<2", []string{"IN-1", "IN-2", "OUT-3"}},
		{"software.name:openssl AND software.version:1", []string{}},
		{"software.name:openssl AND (software.version:1)", []string{"IN-1", "IN-2", "OUT-3"}},
		{"tag:office AND NOT computer_name:machine-1", []string{"IN-2"}},
		{"source:secret OR IN-2", []string{"IN-2", "OUT-3"}},
		{`principal_user:"user of in-1"`, []string{"IN-1"}},
		{`group:"group of OUT*"`, []string{"OUT-3"}},
		{"last_seen<1h", []string{"IN-1", "IN-2", "OUT-3"}},
		{"last_seen>1h", []string{}},
		{"machine-3", []string{"OUT-3"}},
		{"status:FAILED OR check:x", []string{}},
	}
	for _, tt := range tests {
		a := w.Ask(http.MethodGet, "/api/v1/machines?q="+url.QueryEscape(tt.q), nil).Want(http.StatusOK)
		if got := serials(a); !slices.Equal(got, tt.want) || a.Object()["total"] != float64(len(tt.want)) {
			t.Errorf("%s: got %v of %v, want %v", tt.q, got, a.Object()["total"], tt.want)
		}
	}
	first := w.Ask(http.MethodGet, "/api/v1/machines?limit=2&q=software.name:openssl", nil).Want(http.StatusOK).Object()
	rest := w.Ask(http.MethodGet, "/api/v1/machines?limit=2&q=software.name:openssl&cursor="+first["next_cursor"].(string), nil).Want(http.StatusOK)
	if got := serials(rest); first["total"] != 3.0 || !slices.Equal(got, []string{"OUT-3"}) {
		t.Errorf("pages: %v of %v", got, first["total"])
	}
}

func TestFiltersThatCannotBeReadSayWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for q, position := range map[string]any{
		"platform:LINUX AND":                        18.0,
		"tag:a AND colour:red":                      10.0,
		"platform<3":                                8.0,
		"software.kind:services":                    nil,
		"software.kind:jvms AND software.version<3": nil,
	} {
		a := w.Ask(http.MethodGet, "/api/v1/machines?q="+url.QueryEscape(q), nil).Want(http.StatusBadRequest).Says("q: ")
		if got := a.Object()["position"]; got != position {
			t.Errorf("%s: position %v, want %v: %s", q, got, position, a.Body)
		}
	}
}

func TestFiltersOfChecksNeedTheirPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.office()
	token := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadInventory}})
	w.AskAs(token, http.MethodGet, "/api/v1/machines?q=IN", nil).Want(http.StatusOK)
	for _, q := range []string{"NOT%20status:FAILED", "check:*"} {
		w.AskAs(token, http.MethodGet, "/api/v1/machines?q="+q, nil).Want(http.StatusForbidden).Says("view_jmespathcheck")
	}
}

// TestScopedPrincipalsSeeOnlyTheirMachines asks every route about a machine in and one out of reach.
func TestScopedPrincipalsSeeOnlyTheirMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tag := w.office()
	token := w.TokenFor(apitest.Role{Tags: []int64{tag}})
	w.Ask(http.MethodPost, "/api/v1/checks", map[string]any{"name": "c", "source_name": "door", "jmespath_expression": "platform == 'MACOS'"}).Want(http.StatusCreated)
	for _, path := range []string{"", "/snapshot", "/changes", "/collectors", "/merged", "/software", "/statuses", "/tags", "/diff?from=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)} {
		w.AskAs(token, http.MethodGet, "/api/v1/machines/IN-1"+path, nil).Want(http.StatusOK)
		hidden := w.AskAs(token, http.MethodGet, "/api/v1/machines/OUT-3"+path, nil).Want(http.StatusNotFound)
		unknown := w.AskAs(token, http.MethodGet, "/api/v1/machines/NOBODY"+path, nil).Want(http.StatusNotFound)
		if !reflect.DeepEqual(hidden.Object(), unknown.Object()) {
			t.Errorf("%s: a hidden machine is told from an unknown one: %s, %s", path, hidden.Body, unknown.Body)
		}
	}
	w.AskAs(token, http.MethodGet, "/api/v1/diff?left=IN-1&right=IN-2", nil).Want(http.StatusOK)
	w.AskAs(token, http.MethodGet, "/api/v1/diff?left=IN-1&right=OUT-3", nil).Want(http.StatusNotFound)
	lists := map[string]string{ // path → what everybody else finds there
		"/api/v1/machines":           "OUT-3",
		"/api/v1/machines?q=NOT%20x": "OUT-3",
		"/api/v1/software":           "only-OUT-3",
		"/api/v1/software/machines?kind=deb_packages&name=openssl": "OUT-3",
		"/api/v1/checks/1/statuses":                                "OUT-3",
		"/api/v1/search?q=OUT-3":                                   "OUT-3",
		"/api/v1/sources":                                          "secret",
		"/api/v1/groups":                                           "group of OUT-3",
		"/api/v1/principal_users":                                  "user of OUT-3",
		"/api/v1/tags":                                             `"machines":2`,
	}
	for path, secret := range lists {
		w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Says(secret)
		seen := w.AskAs(token, http.MethodGet, path, nil).Want(http.StatusOK)
		if path != "/api/v1/tags" && regexp.MustCompile(regexp.QuoteMeta(secret)+`|"machines":3|"total":3`).Match(seen.Body) {
			t.Errorf("%s tells of machines out of reach: %s", path, seen.Body)
		}
	}
}

func TestSearchForgivesTypingMistakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.office()
	tests := []struct {
		query string
		first string // what matched
	}{
		{"q=opnssl", "openssl"},
		{"q=machin-2", "machine-2"},
		{"q=OUT3&type=machine", "OUT-3"},
		{"q=OPENSSL&type=software", "openssl"},
	}
	for _, tt := range tests {
		results := w.Ask(http.MethodGet, "/api/v1/search?"+tt.query, nil).Want(http.StatusOK).List("results")
		if len(results) == 0 || results[0]["matched"] != tt.first {
			t.Errorf("%s: got %v, want %s first", tt.query, results, tt.first)
		}
	}
	if r := w.Ask(http.MethodGet, "/api/v1/search?q=openssl&limit=1", nil).List("results"); r[0]["software"].(map[string]any)["machines"] != 3.0 || r[0]["score"] != 1.0 {
		t.Errorf("got %v", r)
	}
	if r := w.Ask(http.MethodGet, "/api/v1/search?q=qqqqqq", nil).List("results"); len(r) > 0 {
		t.Errorf("nothing is like that, got %v", r)
	}
	w.Ask(http.MethodGet, "/api/v1/search", nil).Want(http.StatusBadRequest).Says("q: needed")
	w.Ask(http.MethodGet, "/api/v1/search?q=a&type=tag", nil).Want(http.StatusBadRequest).Says("type: ")
}

func TestMergedMachineListsConflicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report("M-1", "old", map[string]any{
		"last_seen": "2026-01-01T00:00:00", "reference": "a", "system_info": map[string]any{"computer_name": "was", "hardware_model": "X"},
		"disks":        []any{map[string]any{"name": "sda", "size": 1}, map[string]any{"name": "sdb", "size": 2}},
		"deb_packages": []any{map[string]any{"name": "bash", "version": "5"}},
	})
	w.report("M-1", "young", map[string]any{
		"last_seen": "2026-02-01T00:00:00", "reference": "b", "system_info": map[string]any{"computer_name": "is"},
		"disks":        []any{map[string]any{"name": "sda", "size": 9}},
		"deb_packages": []any{map[string]any{"name": "bash", "version": "5"}},
	})
	a := w.Ask(http.MethodGet, "/api/v1/machines/M-1/merged", nil).Want(http.StatusOK)
	fields := map[string]map[string]any{}
	for _, f := range a.List("fields") {
		fields[f["path"].(string)] = f
	}
	name := fields["system_info.computer_name"]
	if name["value"] != "is" || name["source"].(map[string]any)["name"] != "young" || len(name["conflicts"].([]any)) != 1 {
		t.Errorf("computer name: %v", name)
	}
	if model := fields["system_info.hardware_model"]; model["value"] != "X" || len(model["conflicts"].([]any)) != 0 {
		t.Errorf("model: %v", model)
	}
	if fields["reference"] != nil {
		t.Error("a source's own reference is no conflict")
	}
	rows := map[string][]any{}
	for _, l := range a.List("lists") {
		rows[l["kind"].(string)] = l["rows"].([]any)
	}
	if len(rows["disks"]) != 2 || len(rows["deb_packages"]) != 1 {
		t.Fatalf("lists: %v", rows)
	}
	sda := rows["disks"][0].(map[string]any)
	if sda["value"].(map[string]any)["size"] != 9.0 || len(sda["sources"].([]any)) != 2 || len(sda["conflicts"].([]any)) != 1 {
		t.Errorf("sda: %v", sda)
	}
	before := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	w.Ask(http.MethodGet, "/api/v1/machines/M-1/merged?at="+before, nil).Want(http.StatusNotFound).Says("no snapshot yet")
}

func TestSourcesAndMachinesAreCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	packages := func(names ...string) map[string]any {
		var rows []any
		for _, name := range names {
			rows = append(rows, map[string]any{"name": name, "version": "1"})
		}
		return map[string]any{"deb_packages": rows}
	}
	w.report("M-1", "a", packages("both", "left"))
	w.report("M-1", "b", packages("both", "right"))
	w.report("M-2", "a", packages("both", "right"))
	for _, path := range []string{"/api/v1/machines/M-1/diff?source=a&against=b", "/api/v1/diff?left=M-1&right=M-2&left_source=a"} {
		a := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK)
		got := a.List("sections")
		if len(got) != 1 || fmt.Sprint(got[0]["added"]) != "[map[name:right version:1]]" || fmt.Sprint(got[0]["removed"]) != "[map[name:left version:1]]" {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	w.Ask(http.MethodGet, "/api/v1/machines/M-1/diff?source=a&against=nobody", nil).Want(http.StatusNotFound).Says("nobody")
	w.Ask(http.MethodGet, "/api/v1/machines/M-1/diff?source=a&against=b&from=2026-01-01T00:00:00Z", nil).Want(http.StatusBadRequest).Says("from: ")
	w.Ask(http.MethodGet, "/api/v1/diff?left=M-1", nil).Want(http.StatusBadRequest)
}

func TestUnchangedAnswersAreNotSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.office()
	for _, path := range []string{"/api/v1/machines", "/api/v1/machines/IN-1", "/api/v1/tags", "/api/v1/software", "/api/v1/machines/IN-1/merged"} {
		tag := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Header.Get("ETag")
		if tag == "" {
			t.Fatalf("%s has no ETag", path)
		}
		req := apitest.Request(t, http.MethodGet, path, nil)
		req.Header.Set("Authorization", "Token "+w.Tokens[auth.Admin])
		req.Header.Set("If-None-Match", tag)
		if a := w.Send(req).Want(http.StatusNotModified); len(a.Body) > 0 {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	tag := w.Ask(http.MethodGet, "/api/v1/machines", nil).Header.Get("ETag")
	w.report("NEW", "door", map[string]any{"platform": "LINUX"})
	if again := w.Ask(http.MethodGet, "/api/v1/machines", nil).Header.Get("ETag"); again == tag {
		t.Error("another list has the same ETag")
	}
}

func TestWhoMayNotSeeChecksSeesNoStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tag := w.office()
	w.Ask(http.MethodPost, "/api/v1/checks", map[string]any{"name": "c", "source_name": "door", "jmespath_expression": "platform == 'MACOS'"}).Want(http.StatusCreated)
	w.report("IN-1", "door", map[string]any{"platform": "WINDOWS"})
	if m := w.Ask(http.MethodGet, "/api/v1/machines/IN-1", nil).Want(http.StatusOK).Object(); m["status_display"] != "FAILED" {
		t.Fatalf("got %v", m)
	}
	none := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadInventory}})
	in := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadInventory, auth.ReadChecks}, Tags: []int64{tag}})
	for token, want := range map[string]any{none: nil, in: "FAILED"} {
		if m := w.AskAs(token, http.MethodGet, "/api/v1/machines/IN-1", nil).Want(http.StatusOK).Object(); m["status_display"] != want {
			t.Errorf("got %v, want %v", m["status_display"], want)
		}
	}
}
