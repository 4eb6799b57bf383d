// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inventory_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

const checksPath = "/api/inventory/jmespath_checks/"

// checkWorld has two machines of the source "agent" and one of "other", the first with a tag.
type checkWorld struct {
	*apitest.World
	t   *testing.T
	tag float64
}

func newCheckWorld(t *testing.T) *checkWorld {
	t.Helper()
	w := &checkWorld{World: apitest.New(t, apitest.Options{}), t: t}
	for serial, tree := range map[string][3]string{"S1": {"agent", "Debian", "LINUX"}, "S2": {"agent", "Windows 11", "WINDOWS"}, "S3": {"other", "Debian", "LINUX"}} {
		w.Ask(http.MethodPost, "/api/v1/snapshots", map[string]any{
			"source": map[string]any{"module": "test." + tree[0], "name": tree[0]}, "serial_number": serial,
			"os_version": map[string]any{"name": tree[1], "major": 12}, "platform": tree[2],
		}).Want(201)
	}
	w.tag = w.Ask(http.MethodPost, "/api/inventory/tags/", `{"name":"scope"}`).Want(201).Object()["id"].(float64)
	if _, err := w.Pool.Exec(t.Context(), `INSERT INTO machine_tag (machine, tag) SELECT id, $1 FROM machine WHERE serial_number = 'S1'`, int64(w.tag)); err != nil {
		t.Fatal(err)
	}
	return w
}

// statuses are the statuses of a check by serial number.
func (w *checkWorld) statuses(id any) map[string]string {
	w.t.Helper()
	got := map[string]string{}
	for _, s := range w.Ask(http.MethodGet, fmt.Sprintf("/api/v1/checks/%v/statuses", id), nil).Want(200).List("statuses") {
		got[s["serial_number"].(string)] = s["status_display"].(string)
	}
	return got
}

func TestAChangedCheckIsEvaluatedAnew(t *testing.T) {
	t.Parallel()
	w := newCheckWorld(t)
	body := map[string]any{"name": "c", "source_name": "AGENT", "platforms": []string{}, "tags": []int{}, "jmespath_expression": "os_version.major == `12`"}
	id := w.Ask(http.MethodPost, checksPath, body).Want(201).Object()["id"]
	steps := []struct {
		name    string
		change  map[string]any // of the body; a nil value leaves the key out
		version float64
		want    map[string]string
	}{
		{"as created", nil, 1, map[string]string{"S1": "OK", "S2": "OK"}},
		{"name and description are no new version", map[string]any{"name": "d", "description": "why"}, 1, map[string]string{"S1": "OK", "S2": "OK"}},
		{"another expression", map[string]any{"jmespath_expression": "os_version.name == 'Debian'"}, 2, map[string]string{"S1": "OK", "S2": "FAILED"}},
		{"platforms", map[string]any{"platforms": []string{"WINDOWS", "LINUX"}}, 3, map[string]string{"S1": "OK", "S2": "FAILED"}},
		{"another order of platforms", map[string]any{"platforms": []string{"LINUX", "WINDOWS"}}, 4, map[string]string{"S1": "OK", "S2": "FAILED"}},
		{"platforms that are left out stay", map[string]any{"platforms": nil, "description": ""}, 4, map[string]string{"S1": "OK", "S2": "FAILED"}},
		{"a tag", map[string]any{"tags": []any{w.tag}}, 5, map[string]string{"S1": "OK"}},
		{"the same tag", map[string]any{"tags": []any{w.tag, w.tag}}, 5, map[string]string{"S1": "OK"}},
		{"another source and no tags", map[string]any{"tags": nil, "source_name": "other", "platforms": []string{}}, 6, map[string]string{"S3": "OK"}},
		{"nothing", nil, 6, map[string]string{"S3": "OK"}},
	}
	for _, step := range steps {
		for key, value := range step.change {
			if value == nil {
				delete(body, key)
				continue
			}
			body[key] = value
		}
		got := w.Ask(http.MethodPut, fmt.Sprint(checksPath, id, "/"), body).Want(200).Object()
		if got["version"] != step.version {
			t.Errorf("%s: got version %v, want %v", step.name, got["version"], step.version)
		}
		if got := w.statuses(id); !maps.Equal(got, step.want) {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
	delete(body, "description")
	w.Ask(http.MethodPut, fmt.Sprint(checksPath, id, "/"), body).Want(200).Says(`"description":""`).Says(`"tags":[]`)
	w.Ask(http.MethodDelete, fmt.Sprint(checksPath, id, "/"), nil).Want(204)
	var left int
	if err := w.Pool.QueryRow(t.Context(), "SELECT count(*) FROM check_status").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d statuses are left: %v", left, err)
	}
}

func TestADeletedTagWidensTheChecksThatWereLimitedToIt(t *testing.T) {
	t.Parallel()
	w := newCheckWorld(t)
	id := w.Ask(http.MethodPost, checksPath, map[string]any{
		"name": "c", "source_name": "agent", "tags": []any{w.tag}, "jmespath_expression": "platform == 'LINUX'",
	}).Want(201).Object()["id"]
	if got := w.statuses(id); !maps.Equal(got, map[string]string{"S1": "OK"}) {
		t.Errorf("got %v", got)
	}
	w.Ask(http.MethodDelete, fmt.Sprint("/api/inventory/tags/", w.tag, "/"), nil).Want(204)
	w.Ask(http.MethodGet, fmt.Sprint(checksPath, id, "/"), nil).Want(200).Says(`"tags":[]`).Says(`"version":2`)
	if got := w.statuses(id); !maps.Equal(got, map[string]string{"S1": "OK", "S2": "FAILED"}) {
		t.Errorf("got %v", got)
	}
	if tags := w.Ask(http.MethodGet, "/api/v1/machines/S1", nil).Want(200).Object()["tags"]; fmt.Sprint(tags) != "[]" {
		t.Errorf("the machine still has %v", tags)
	}
}

func TestChecksAreRefusedInTheContractsWords(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	tests := []struct {
		body   string
		status int
		want   string
	}{
		{`{"name":"a","source_name":"osquery","jmespath_expression":"ok"}`, 201, ""}, // no tags are none
		{`{"name":"a","source_name":"osquery","jmespath_expression":"ok","tags":[],"description":""}`, 400, `{"name":["A Inventory JMESPath check with this name already exists."]}`},
		{`{"name":"b","source_name":"osquery","jmespath_expression":"ok["}`, 400, `{"jmespath_expression":["Invalid JMESPath expression"]}`},
		{`{"name":"b","source_name":"osquery","jmespath_expression":"ok","platforms":["LINUX","BSD"]}`, 400, `{"platforms":{"1":["\"BSD\" is not a valid choice."]}}`},
		{`{"name":"b","source_name":"osquery","jmespath_expression":"ok","tags":[9]}`, 400, `{"tags":["Invalid pk \"9\" - object does not exist."]}`},
		{`{"name":"b","source_name":"osquery","jmespath_expression":"ok","tags":[-1,0]}`, 400, `{"tags":["Invalid pk \"-1\" - object does not exist."]}`},
		{`{"name":"b","source_name":"osquery","jmespath_expression":"ok","tags":"9"}`, 400, `{"tags":["Expected a list of items but got type \"str\"."]}`},
		{`{}`, 400, `{"jmespath_expression":["This field is required."],"name":["This field is required."],"source_name":["This field is required."]}`},
	}
	for _, tt := range tests {
		a := w.Ask(http.MethodPost, checksPath, tt.body).Want(tt.status)
		if tt.want != "" {
			exactly(t, a, tt.want)
		}
	}
	other := w.Ask(http.MethodPost, checksPath, `{"name":"b","source_name":"s","jmespath_expression":"ok"}`).Want(201).Object()["id"]
	exactly(t, w.Ask(http.MethodPut, fmt.Sprint(checksPath, other, "/"), `{"name":"a","source_name":"s","jmespath_expression":"ok"}`).Want(400),
		`{"name":["A Inventory JMESPath check with this name already exists."]}`)
}
