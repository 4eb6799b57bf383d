// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// exportTree is a machine with facts that the outside contract has no table for.
const exportTree = `{"source":{"module":"rollcall.agent","name":"Rollcall"},"serial_number":"%S","last_seen":"2024-03-04T05:06:07",
	"rpm_packages":[{"name":"bash","version":"5.1","release":"2.el9","epoch":0,"install_time":"2024-01-01T00:00:00"}],
	"users":[{"name":"root","uid":0,"is_admin":true}]}`

func TestEveryKindIsStreamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Ask(http.MethodPost, "/api/v1/snapshots", strings.Replace(exportTree, "%S", "RPM-1", 1)).Want(http.StatusCreated)
	tests := []struct{ path, want string }{
		{"rpm_packages.csv", "RPM-1,rollcall.agent,Rollcall,2024-03-04T05:06:07Z,bash,5.1,2.el9,0,,,,,,,,,,,,,,2024-01-01T00:00:00Z\r\n"},
		{"users.csv", "RPM-1,rollcall.agent,Rollcall,2024-03-04T05:06:07Z,root,0,,,,,,,,,true\r\n"},
		{"users.csv?source=ROLLCALL", "RPM-1,"},
		{"services.csv", "serial_number,source_module,source_name,last_seen,name,display_name,description,type,start_type,state,path,user,source\r\n"},
	}
	for _, tt := range tests {
		w.Ask(http.MethodGet, "/api/v1/exports/"+tt.path, nil).Want(http.StatusOK).Says(tt.want)
	}
	for _, path := range []string{"users", "users.xlsx", "os_version.csv", "install_times.csv", "nonsense.csv"} {
		w.Ask(http.MethodGet, "/api/v1/exports/"+path, nil).Want(http.StatusNotFound)
	}
	w.Ask(http.MethodGet, "/api/v1/exports/users.csv?sauce=x", nil).Want(http.StatusBadRequest).Says("sauce")
}

func TestStreamTakesThePermissionsOfItsKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	apps := []auth.Permission{"inventory.view_osxapp", "inventory.view_osxappinstance"}
	tests := []struct {
		file        string
		permissions []auth.Permission
		status      int
	}{
		{"osx_app_instances.csv", apps, http.StatusOK},
		{"osx_app_instances.csv", apps[:1], http.StatusForbidden},
		{"osx_app_instances.csv", []auth.Permission{auth.ReadInventory}, http.StatusForbidden},
		{"users.csv", []auth.Permission{auth.ReadInventory}, http.StatusOK},
		{"users.csv", apps, http.StatusForbidden},
	}
	for _, tt := range tests {
		w.AskAs(w.TokenFor(apitest.Role{Permissions: tt.permissions}), http.MethodGet, "/api/v1/exports/"+tt.file, nil).Want(tt.status)
	}
	w.AskAs("", http.MethodGet, "/api/v1/exports/users.csv", nil).Want(http.StatusUnauthorized)
}

func TestStreamTellsOfMachinesInReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, serial := range []string{"RPM-1", "RPM-2"} {
		w.Ask(http.MethodPost, "/api/v1/snapshots", strings.Replace(exportTree, "%S", serial, 1)).Want(http.StatusCreated)
	}
	tag := w.Ask(http.MethodPost, "/api/inventory/tags/", `{"name":"Mine"}`).Want(http.StatusCreated).Object()["id"].(float64)
	w.Ask(http.MethodPost, "/api/inventory/machines/tags/", `{"serial_numbers":["RPM-2"],"operations":[{"kind":"ADD","names":["Mine"]}]}`).Want(http.StatusOK)
	got := string(w.AskAs(w.TokenFor(apitest.Role{Tags: []int64{int64(tag)}}), http.MethodGet, "/api/v1/exports/rpm_packages.csv", nil).Want(http.StatusOK).Body)
	if !strings.Contains(got, "RPM-2") || strings.Contains(got, "RPM-1") {
		t.Errorf("got %s", got)
	}
}

func TestOtherFormatsOfEveryKindAreTasks(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	w.Ask(http.MethodPost, "/api/v1/snapshots", strings.Replace(exportTree, "%S", "RPM-1", 1)).Want(http.StatusCreated)
	tests := []struct {
		body, begins string
		status       int
	}{
		{`{"dataset":"machine_rpm_packages","format":"jsonl"}`, `{"serial_number":"RPM-1",`, http.StatusAccepted},
		{`{"dataset":"machine_users","format":"xlsx"}`, "PK", http.StatusAccepted},
		{`{"dataset":"machine_rpm_packages","format":"csv","options":{"source_name":"nobody"}}`, "serial_number,", http.StatusAccepted},
		{`{"dataset":"rpm_packages","format":"csv","options":{"last_seen":"90d","search":"BASH","order":"mc-d"}}`, "Name;Version;Source;Machines\r\n", http.StatusAccepted},
		{`{"dataset":"rpm_packages","options":{"last_seen":"2d"}}`, "last_seen", http.StatusBadRequest},
		{`{"dataset":"rpm_packages","options":{"order":"x"}}`, "order", http.StatusBadRequest},
		{`{"dataset":"rpm_packages","options":{"scope":{"tags":null}}}`, "scope", http.StatusBadRequest},
		{`{"dataset":"machine_users","options":{"kind":"rpm_packages"}}`, "kind", http.StatusBadRequest},
		{`{"dataset":"machine_users","format":"parquet"}`, "jsonl", http.StatusBadRequest},
		{`{"dataset":"users"}`, "no such dataset", http.StatusBadRequest},
	}
	for _, tt := range tests {
		a := w.Ask(http.MethodPost, "/api/v1/exports", tt.body).Want(tt.status)
		if tt.status != http.StatusAccepted {
			a.Says(tt.begins)
			continue
		}
		if got := string(w.Download(a.Object()["id"].(string)).Body); !strings.HasPrefix(got, tt.begins) {
			t.Errorf("%s: got %.200s", tt.body, got)
		}
	}
}

// TestAStreamThatBrokeOffGoesOn cuts a stream behind each of its cursors and reads the rest: no row is missing or twice.
func TestAStreamThatBrokeOffGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const machines = 230
	for i := range machines {
		w.Ask(http.MethodPost, "/api/v1/snapshots", map[string]any{
			"source": map[string]any{"module": "test", "name": fmt.Sprint("s", i%2)}, "serial_number": fmt.Sprintf("S-%03d", i),
			"deb_packages": []any{map[string]any{"name": fmt.Sprint("p", i)}},
		}).Want(http.StatusCreated)
	}
	const path = "/api/v1/exports/deb_packages.jsonl"
	whole := strings.SplitAfter(strings.TrimSpace(string(w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Body)), "\n")
	rows := func(lines []string) (out []string, cursor string) {
		for _, line := range lines {
			var next struct {
				Cursor *string `json:"next_cursor"`
			}
			if !strings.HasPrefix(line, `{"next_cursor"`) {
				out = append(out, strings.TrimSpace(line))
			} else if json.Unmarshal([]byte(line), &next) == nil && next.Cursor != nil {
				cursor = *next.Cursor
			}
		}
		return out, cursor
	}
	want, last := rows(whole)
	if len(want) != machines || last == "" || !strings.Contains(whole[len(whole)-1], "null") {
		t.Fatalf("got %d rows, the last cursor %q, the last line %q", len(want), last, whole[len(whole)-1])
	}
	for i, line := range whole {
		first, cursor := rows(whole[:i+1])
		if !strings.HasPrefix(line, `{"next_cursor"`) || i == len(whole)-1 {
			continue
		}
		rest := strings.Split(string(w.Ask(http.MethodGet, path+"?cursor="+cursor, nil).Want(http.StatusOK).Body), "\n")
		more, _ := rows(rest[:len(rest)-1])
		if got := append(first, more...); !slices.Equal(got, want) {
			t.Errorf("cut behind line %d: %d rows, want %d", i, len(got), len(want))
		}
	}
	w.Ask(http.MethodGet, path+"?source=s1&cursor="+last, nil).Want(http.StatusBadRequest)
	w.Ask(http.MethodGet, path+"?cursor=x", nil).Want(http.StatusBadRequest)
	w.Ask(http.MethodGet, "/api/v1/exports/deb_packages.csv?cursor="+last, nil).Want(http.StatusBadRequest)
}
