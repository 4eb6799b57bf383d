// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"testing"
)

// newCheck is a check over the trees of testdata.
func newCheck(name, expression string) map[string]any {
	return map[string]any{"name": name, "source_name": "DOOR", "jmespath_expression": expression}
}

func TestChecksAreEvaluatedOnTheSpot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	tests := []struct {
		name, expression, display string
		status                    float64
	}{
		{"present", "length(deb_packages[?name=='bash']) > `0`", "OK", 0},
		{"missing", "length(deb_packages[?name=='none']) > `0`", "FAILED", 300},
		{"no answer", "system_info.nothing", "UNKNOWN", 200},
		{"what the aggregator adds", "platform == 'LINUX' && source.name == 'door'", "OK", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.Ask(http.MethodPost, "/api/v1/checks", newCheck(tt.name, tt.expression)).Want(http.StatusCreated)
			id := c.Object()["id"].(float64)
			got := w.Ask(http.MethodGet, fmt.Sprintf("/api/v1/checks/%v/statuses", id), nil).Want(http.StatusOK).List("statuses")
			if len(got) != 1 || got[0]["serial_number"] != "DEB-1" || got[0]["status"] != tt.status || got[0]["status_display"] != tt.display {
				t.Errorf("got %v", got)
			}
			if location := c.Header.Get("Location"); location != fmt.Sprintf("/api/v1/checks/%v", id) {
				t.Errorf("Location is %q", location)
			}
			one := w.Ask(http.MethodGet, fmt.Sprintf("/api/v1/checks/%v", id), nil).Want(http.StatusOK).Object()
			if one["version"] != 1.0 || one["jmespath_expression"] != tt.expression || one["name"] != tt.name {
				t.Errorf("got %v", one)
			}
		})
	}
	if got := w.Ask(http.MethodGet, "/api/v1/checks?limit=3", nil).Want(http.StatusOK).List("checks"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	worst := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1", nil).Want(http.StatusOK).Object()
	if worst["status"] != 300.0 || worst["status_display"] != "FAILED" {
		t.Errorf("worst status: got %v %v", worst["status"], worst["status_display"])
	}
}

func TestStatusFollowsTheTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("no curl", "length(deb_packages[?name=='curl']) == `0`")).Want(http.StatusCreated)
	tree := fixture(t, "debian")
	tree["deb_packages"] = []any{map[string]any{"name": "curl", "version": "1"}}
	w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusOK)
	got := w.Ask(http.MethodGet, "/api/v1/checks/1/statuses", nil).Want(http.StatusOK).List("statuses")
	if len(got) != 1 || got[0]["status"] != 300.0 || got[0]["previous_status"] != 0.0 {
		t.Errorf("got %v", got)
	}
}

func TestPlatformsLimitACheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	c := newCheck("macs only", "`true`")
	c["platforms"] = []string{"MACOS"}
	w.Ask(http.MethodPost, "/api/v1/checks", c).Want(http.StatusCreated)
	if got := w.Ask(http.MethodGet, "/api/v1/checks/1/statuses", nil).List("statuses"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestChecksAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("taken", "`true`")).Want(http.StatusCreated)
	with := func(key string, value any) map[string]any {
		c := newCheck("new", "`true`")
		c[key] = value
		return c
	}
	tests := []struct {
		name     string
		body     any
		says     string
		position float64
	}{
		{"expression", newCheck("new", "deb_packages["), "position 13", 13},
		{"name taken", newCheck("taken", "`true`"), "name", -1},
		{"no name", newCheck("", "`true`"), "name", -1},
		{"no source", with("source_name", ""), "source_name", -1},
		{"platform", with("platforms", []string{"BSD"}), "platforms[0]", -1},
		{"tag", with("tags", []int{99}), "tags[0]", -1},
		{"unknown key", with("weight", 1), "weight", -1},
		{"type", with("tags", "x"), "tags", -1},
		{"no object", "[]", "object", -1},
		{"empty", "", "empty", -1},
		{"two values", `{"name":"a"}{}`, "behind", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := w.Ask(http.MethodPost, "/api/v1/checks", tt.body).Want(http.StatusBadRequest).Says(tt.says)
			if position, ok := a.Object()["position"]; ok != (tt.position >= 0) || ok && position != tt.position {
				t.Errorf("position is %v: %s", position, a.Body)
			}
		})
	}
	if got := w.Ask(http.MethodGet, "/api/v1/checks", nil).List("checks"); len(got) != 1 {
		t.Errorf("a refused check is there: %v", got)
	}
}
