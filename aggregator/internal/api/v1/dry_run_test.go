// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const dryRunPath = "/api/v1/checks/dry-run"

// newDryRun asks about a check over the trees of testdata.
func newDryRun(expression string) map[string]any {
	return map[string]any{"source_name": "DOOR", "jmespath_expression": expression}
}

// dryRun asks for one and returns the answer.
func (w *world) dryRun(body map[string]any) map[string]any {
	w.T.Helper()
	return w.Ask(http.MethodPost, dryRunPath, body).Want(http.StatusOK).Object()
}

// submitFleet sends copies of a tree with these serial numbers and amounts of memory.
func (w *world) submitFleet(memory map[string]int) {
	w.T.Helper()
	for serial, bytes := range memory {
		tree := fixture(w.T, "debian")
		tree["serial_number"] = serial
		tree["system_info"] = map[string]any{"computer_name": serial, "physical_memory": bytes}
		w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusCreated)
	}
}

// told returns serial number, status and previous status of the machines of an answer.
func told(answer map[string]any) []string {
	var out []string
	for _, one := range answer["machines"].([]any) {
		m := one.(map[string]any)
		out = append(out, fmt.Sprintf("%v %v was %v", m["serial_number"], m["status_display"], m["previous_status"]))
	}
	return out
}

func TestADryRunTellsWhatACheckWouldSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submitFleet(map[string]int{"A": 1, "B": 2, "C": 3, "D": 4})
	w.submit("windows")
	got := w.dryRun(newDryRun("system_info.physical_memory > `2`"))
	if counts := got["counts"]; !reflect.DeepEqual(counts, map[string]any{"OK": 2.0, "FAILED": 2.0, "UNKNOWN": 0.0}) {
		t.Errorf("counts: got %v", counts)
	}
	if got["evaluated"] != 4.0 || got["in_scope"] != 4.0 || got["out_of_scope"] != 0.0 || got["complete"] != true || got["newly_failing"] != nil {
		t.Errorf("got %v", got)
	}
	if want := []string{"A FAILED was <nil>", "B FAILED was <nil>", "C OK was <nil>", "D OK was <nil>"}; !reflect.DeepEqual(told(got), want) {
		t.Errorf("got %v, want %v", told(got), want)
	}
	if checks := w.Ask(http.MethodGet, "/api/v1/checks", nil).List("checks"); len(checks) != 0 {
		t.Errorf("there is %v", checks)
	}
}

func TestADryRunComparesWithACheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submitFleet(map[string]int{"A": 1, "B": 2, "C": 3, "D": 4})
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("memory", "system_info.physical_memory > `2`")).Want(http.StatusCreated)
	got := w.dryRun(map[string]any{"check_id": 1, "jmespath_expression": "contains(`[2, 4]`, system_info.physical_memory)", "limit": 3})
	if got["newly_failing"] != 1.0 || got["newly_passing"] != 1.0 {
		t.Errorf("got %v", got)
	}
	if want := []string{"C FAILED was 0", "B OK was 300", "A FAILED was 300"}; !reflect.DeepEqual(told(got), want) {
		t.Errorf("got %v, want %v", told(got), want)
	}
	same := w.dryRun(map[string]any{"check_id": 1})
	if same["newly_failing"] != 0.0 || same["newly_passing"] != 0.0 || same["evaluated"] != 4.0 {
		t.Errorf("the check as it is: got %v", same)
	}
	w.Ask(http.MethodPost, "/api/v1/machines/archive", `{"serial_numbers":["A"]}`).Want(http.StatusOK)
	if got := w.dryRun(map[string]any{"check_id": 1}); got["evaluated"] != 3.0 {
		t.Errorf("with an archived machine: got %v", got)
	}
	scoped := w.dryRun(map[string]any{"check_id": 1, "platforms": []string{"MACOS"}})
	if scoped["in_scope"] != 0.0 || scoped["out_of_scope"] != 3.0 {
		t.Errorf("another platform: got %v", scoped)
	}
}

func TestADryRunOverOneMachineShowsItsTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submitFleet(map[string]int{"A": 1})
	body := newDryRun("system_info")
	body["serial_number"] = "A"
	got := w.dryRun(body)
	one := got["machines"].([]any)[0].(map[string]any)
	if value, _ := one["value"].(map[string]any); one["status"] != 200.0 || value["computer_name"] != "A" || one["error"] == nil {
		t.Errorf("got %v", one)
	}
	snapshot := w.Ask(http.MethodGet, "/api/v1/machines/A/snapshot", nil).Want(http.StatusOK).Object()
	if !reflect.DeepEqual(got["tree"], any(snapshot)) {
		t.Errorf("tree: got %v, want %v", got["tree"], snapshot)
	}
	body["platforms"] = []string{"MACOS"}
	elsewhere := w.dryRun(body)
	if one := elsewhere["machines"].([]any)[0].(map[string]any); one["status_display"] != "OUT_OF_SCOPE" || one["value"] == nil || elsewhere["out_of_scope"] != 1.0 {
		t.Errorf("out of scope: got %v", elsewhere["machines"])
	}
	for _, unknown := range []map[string]any{
		{"source_name": "door", "jmespath_expression": "a", "serial_number": "none"},
		{"source_name": "other", "jmespath_expression": "a", "serial_number": "A"},
		{"check_id": 7},
	} {
		w.Ask(http.MethodPost, dryRunPath, unknown).Want(http.StatusNotFound)
	}
}

func TestALongValueIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submitFleet(map[string]int{"A": 1})
	got := w.dryRun(newDryRun("[`\"" + strings.Repeat("ä", 4000) + "\"`]"))["machines"].([]any)[0].(map[string]any)
	if text, ok := got["value"].(string); !ok || got["value_truncated"] != true || len(text) > 4<<10 || !strings.HasPrefix(text, `["ä`) {
		t.Errorf("got %v", got)
	}
}

func TestADryRunKeepsWithinReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submitFleet(map[string]int{"A": 1, "B": 2})
	tag := w.Ask(http.MethodPost, "/api/inventory/tags/", `{"name":"mine"}`).Want(http.StatusCreated).Object()["id"].(float64)
	w.Ask(http.MethodPost, "/api/v1/machines/tags",
		`{"serial_numbers":["A"],"operations":[{"kind":"ADD","names":["mine"]}]}`).Want(http.StatusOK)
	token := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadChecks, auth.ReadInventory}, Tags: []int64{int64(tag)}})
	got := w.AskAs(token, http.MethodPost, dryRunPath, newDryRun("`false`")).Want(http.StatusOK).Object()
	if want := []string{"A FAILED was <nil>"}; !reflect.DeepEqual(told(got), want) || got["evaluated"] != 1.0 || got["out_of_scope"] != 0.0 {
		t.Errorf("got %v", got)
	}
	body := newDryRun("`false`")
	body["tags"] = []int{4711}
	if got := w.AskAs(token, http.MethodPost, dryRunPath, body).Want(http.StatusOK).Object(); got["out_of_scope"] != 1.0 {
		t.Errorf("a tag that may be somebody else's: got %v", got)
	}
	body = newDryRun("`false`")
	body["serial_number"] = "B"
	w.AskAs(token, http.MethodPost, dryRunPath, body).Want(http.StatusNotFound)
}

func TestADryRunIsRefusedLikeACheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct{ name, body, says string }{
		{"no expression", `{"source_name":"s"}`, "jmespath_expression"},
		{"no source", `{"jmespath_expression":"a"}`, "source_name"},
		{"bad expression", `{"source_name":"s","jmespath_expression":"a["}`, `"position":2`},
		{"bad platform", `{"source_name":"s","jmespath_expression":"a","platforms":["BSD"]}`, "BSD"},
		{"unknown tag", `{"source_name":"s","jmespath_expression":"a","tags":[4711]}`, "There is no tag 4711."},
		{"bad limit", `{"source_name":"s","jmespath_expression":"a","limit":1001}`, "limit"},
		{"bad serial number", `{"source_name":"s","jmespath_expression":"a","serial_number":" "}`, "serial_number"},
		{"unknown key", `{"name":"s"}`, "Unknown key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Ask(http.MethodPost, dryRunPath, tt.body).Want(http.StatusBadRequest).Says(tt.says)
		})
	}
}
