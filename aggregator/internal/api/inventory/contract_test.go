// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inventory_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// contractRow is a row of the contract's index. The permissions are those of the contract, not those of our table.
type contractRow struct {
	method, path string
	permissions  string // all are needed, each without its "inventory."
	status       int
	body         string
}

// contractIndex is the contract's index; objects are added by crudRows.
var contractIndex = []contractRow{
	{"POST", "machines/tags/", "add_tag add_taxonomy add_machinetag delete_machinetag", 200, `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":["a"]}]}`},
	{"GET", "machines/S/meta/", "view_machinesnapshot", 200, ""},
	{"POST", "machines/archive/", "change_machinesnapshot", 200, `{"serial_numbers":["T"]}`},
	{"POST", "machines/prune/", "delete_machinesnapshot", 200, `{"serial_numbers":["T"]}`},
	{"POST", "machines/export/", "view_machinesnapshot", 201, ""},
	{"POST", "android_apps/export/", "view_androidapp", 201, ""},
	{"POST", "deb_packages/export/", "view_debpackage", 201, ""},
	{"POST", "ios_apps/export/", "view_iosapp", 201, ""},
	{"POST", "macos_apps/export/", "view_osxapp view_osxappinstance", 201, ""},
	{"POST", "programs/export/", "view_program view_programinstance", 201, ""},
	{"POST", "machines/export_android_apps/", "view_androidapp", 201, ""},
	{"POST", "machines/export_deb_packages/", "view_debpackage", 201, ""},
	{"POST", "machines/export_ios_apps/", "view_iosapp", 201, ""},
	{"POST", "machines/export_macos_app_instances/", "view_osxapp view_osxappinstance", 201, ""},
	{"POST", "machines/export_program_instances/", "view_program view_programinstance", 201, ""},
	{"POST", "machines/export_snapshots/", "view_machinesnapshot", 201, ""},
	{"POST", "full_export/", "view_machinesnapshot", 201, ""},
	{"POST", "cleanup/", "delete_machinesnapshot", 201, ""},
}

// crudRows are the rows of the objects, in an order in which each finds what it needs.
func crudRows() (rows []contractRow) {
	for _, o := range objectRoutes {
		list := strings.TrimPrefix(o.path, "/api/inventory/")
		one, body := list+"1/", fmt.Sprintf(o.body, "a name")
		rows = append(rows,
			contractRow{"GET", list, "view_" + o.permission, 200, ""},
			contractRow{"HEAD", list, "view_" + o.permission, 200, ""},
			contractRow{"OPTIONS", list, "view_" + o.permission, 200, ""},
			contractRow{"POST", list, "add_" + o.permission, 201, body},
			contractRow{"GET", one, "view_" + o.permission, 200, ""},
			contractRow{"HEAD", one, "view_" + o.permission, 200, ""},
			contractRow{"OPTIONS", one, "view_" + o.permission, 200, ""},
			contractRow{"PUT", one, "change_" + o.permission, 200, body},
			contractRow{"DELETE", one, "delete_" + o.permission, 204, ""},
		)
	}
	return rows
}

// ask sends the body as JSON, or none.
func (r contractRow) ask(w *apitest.World, token string) apitest.Answer {
	if r.body == "" {
		return w.AskAs(token, r.method, "/api/inventory/"+r.path, nil)
	}
	return w.AskAs(token, r.method, "/api/inventory/"+r.path, r.body)
}

// Each row of the index takes exactly its permissions: with all but one it is refused, with them and no others not.
func TestTheIndexOfTheContract(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	w.Ask(http.MethodPost, "/api/v1/snapshots", `{"source":{"module":"test","name":"test"},"serial_number":"S"}`).Want(http.StatusCreated)
	for _, row := range append(crudRows(), contractIndex...) {
		name := row.method + " " + row.path
		var needed []auth.Permission
		for _, p := range strings.Fields(row.permissions) {
			needed = append(needed, auth.Permission("inventory."+p))
		}
		refused := func(a apitest.Answer, status int, want string) {
			t.Helper()
			if got := strings.TrimSpace(string(a.Body)); a.Status != status || got != want && row.method != http.MethodHead {
				t.Errorf("%s: got %d %s, want %d %s", name, a.Status, got, status, want)
			}
		}
		refused(row.ask(w, ""), 401, `{"detail":"Authentication credentials were not provided."}`)
		for _, missing := range needed {
			others := slices.DeleteFunc(auth.Permissions(), func(p auth.Permission) bool { return p == missing })
			refused(row.ask(w, w.TokenFor(apitest.Role{Permissions: others})), 403, `{"detail":"You do not have permission to perform this action."}`)
		}
		a := row.ask(w, w.TokenFor(apitest.Role{Permissions: needed}))
		if a.Status != row.status {
			t.Errorf("%s: got %d %s, want %d", name, a.Status, a.Body, row.status)
			continue
		}
		if row.status == http.StatusCreated && strings.Contains(string(a.Body), "task_id") {
			task := a.Object()
			if want := fmt.Sprintf("/api/task_result/%v/", task["task_id"]); len(task) != 2 || task["task_result_url"] != want {
				t.Errorf("%s: got %v", name, task)
			}
		} else if slices.ContainsFunc(contractIndex, func(r contractRow) bool { return r.path == row.path }) && row.status == http.StatusCreated {
			t.Errorf("%s: got %s, want a task", name, a.Body)
		}
	}
}

// Nobody is told that something went wrong here because two want the same thing at the same time.
func TestTheSameObjectIsMadeOnceHoweverManyAskForIt(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	const together = 8
	rows := []contractRow{
		{method: "POST", path: "tags/", body: `{"name":"made twice"}`},
		{method: "POST", path: "taxonomies/", body: `{"name":"made twice"}`},
		{method: "POST", path: "machines/tags/", body: `{"serial_numbers":["S"],"operations":[{"kind":"SET","taxonomy":"T","names":["a","b"]},{"kind":"ADD","taxonomy":"U","names":["c"]}]}`},
		{method: "POST", path: "machines/tags/", body: `{"serial_numbers":["S"],"operations":[{"kind":"ADD","taxonomy":"U","names":["c","b"]},{"kind":"SET","taxonomy":"T","names":["a","b"]}]}`},
	}
	for _, row := range rows {
		answers := make(chan apitest.Answer, together)
		for range together {
			go func() { answers <- row.ask(w, w.Tokens[auth.Admin]) }()
		}
		created := 0
		for range together {
			switch a := <-answers; a.Status {
			case http.StatusCreated:
				created++
			case http.StatusOK:
			case http.StatusBadRequest:
				if !strings.Contains(string(a.Body), "with this name already exists.") {
					t.Errorf("%s: got %s", row.path, a.Body)
				}
			default:
				t.Errorf("%s: got %d %s", row.path, a.Status, a.Body)
			}
		}
		if want := strings.Count(row.body, "made twice"); created != want {
			t.Errorf("%s: %d were made, want %d", row.path, created, want)
		}
	}
}
