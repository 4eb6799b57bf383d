// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func newTaskWorld(t *testing.T) *world {
	t.Helper()
	return &world{apitest.New(t, apitest.Options{Tasks: true}), t}
}

// begin asks for an export and returns the id of its task.
func (w *world) begin(token, body string) string {
	w.T.Helper()
	a := w.AskAs(token, http.MethodPost, "/api/v1/exports", body).Want(http.StatusAccepted)
	id, _ := a.Object()["id"].(string)
	if got := a.Header.Get("Location"); got != "/api/v1/tasks/"+id {
		w.T.Fatalf("Location is %q, the id %q", got, id)
	}
	return id
}

func TestAnExportIsAskedForWatchedAndFetched(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.submit("debian")
	datasets := w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, "/api/v1/exports", nil).Want(http.StatusOK).List("exports")
	if len(datasets) == 0 {
		t.Fatal("there is nothing to export")
	}
	var ids []string
	for _, d := range datasets {
		if d["allowed"] != true {
			t.Errorf("a viewer may not export %v", d["dataset"])
		}
		formats, _ := d["formats"].([]any)
		for _, format := range formats {
			ids = append(ids, w.begin(w.Tokens[auth.Viewer], fmt.Sprintf(`{"dataset":%q,"format":%q}`, d["dataset"], format)))
		}
	}
	for _, id := range ids {
		done := w.Await(id)
		if done.Status != store.TaskSuccess {
			t.Errorf("%s ended as %s: %s", done.Args, done.Status, done.Err)
			continue
		}
		got := w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, "/api/v1/tasks/"+id, nil).Want(http.StatusOK).Object()
		url, _ := got["download_url"].(string)
		if got["status"] != "SUCCESS" || got["error"] != nil || got["ended_at"] == nil || url == "" {
			t.Errorf("got %v", got)
		}
		file := w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, url, nil).Want(http.StatusOK)
		if !strings.Contains(file.Header.Get("Content-Disposition"), "_export") && !strings.Contains(file.Header.Get("Content-Disposition"), "snapshots") {
			t.Errorf("%s: Content-Disposition is %q", done.Args, file.Header.Get("Content-Disposition"))
		}
	}
}

func TestWhatCannotBeExportedIsRefused(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	first := w.Ask(http.MethodGet, "/api/v1/exports", nil).Want(http.StatusOK).List("exports")[0]
	name := fmt.Sprint(first["dataset"])
	for _, tt := range []struct{ body, says string }{
		{`{}`, "dataset"},
		{`{"dataset":"passwords"}`, "There is no such dataset"},
		{`{"dataset":"` + name + `","format":"exe"}`, "It is one of"},
		{`{"dataset":"` + name + `","options":{"no_such_option":1}}`, `"detail":"options: json: unknown field \"no_such_option\""`},
		{`{"dataset":"` + name + `","options":{"scope":{"tags":null}}}`, "scope"},
		{`{"dataset":"` + name + `","options":[]}`, "options"},
		{`{"dataset":7}`, "dataset"},
	} {
		w.Ask(http.MethodPost, "/api/v1/exports", tt.body).Want(http.StatusBadRequest).Says(tt.says)
	}
	w.AskAs(w.TokenOfNobody(), http.MethodPost, "/api/v1/exports", `{"dataset":"`+name+`"}`).Want(http.StatusForbidden).Says("inventory.view_")
	if n := len(w.Ask(http.MethodGet, "/api/v1/tasks?all=true", nil).Want(http.StatusOK).List("tasks")); n != 0 {
		t.Errorf("%d tasks were begun", n)
	}
}

func TestTasksAreListedByPages(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	dataset := fmt.Sprint(w.Ask(http.MethodGet, "/api/v1/exports", nil).List("exports")[0]["dataset"])
	var want []string
	for range 5 {
		want = append([]string{w.begin(w.Tokens[auth.Operator], `{"dataset":"`+dataset+`"}`)}, want...)
	}
	other := w.begin(w.Tokens[auth.Viewer], `{"dataset":"`+dataset+`"}`)
	for _, id := range append(want, other) {
		w.Await(id) // what changes meanwhile is no part of this test
	}
	collect := func(token, query string) (ids []string) {
		cursor := ""
		for {
			a := w.AskAs(token, http.MethodGet, "/api/v1/tasks?limit=2"+query+cursor, nil).Want(http.StatusOK)
			for _, task := range a.List("tasks") {
				ids = append(ids, fmt.Sprint(task["id"]))
			}
			next, ok := a.Object()["next_cursor"].(string)
			if !ok {
				return ids
			}
			cursor = "&cursor=" + next
		}
	}
	if got := collect(w.Tokens[auth.Operator], ""); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := collect(w.Tokens[auth.Viewer], "&all=false"); strings.Join(got, " ") != other {
		t.Errorf("another one's: got %v", got)
	}
	if got := collect(w.Tokens[auth.Admin], "&all=true"); len(got) != 6 || got[0] != other {
		t.Errorf("everybody's: got %v", got)
	}
	if got := collect(w.Tokens[auth.Admin], ""); got != nil {
		t.Errorf("an admin's own: got %v", got)
	}
	w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, "/api/v1/tasks?all=true", nil).Want(http.StatusForbidden).Says("accounts.view_task")
	w.Ask(http.MethodGet, "/api/v1/tasks?all=maybe", nil).Want(http.StatusBadRequest).Says("all")
	w.Ask(http.MethodGet, "/api/v1/tasks?cursor=x", nil).Want(http.StatusBadRequest).Says("cursor")
}

func TestATaskIsRevokedByItsOwner(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	dataset := fmt.Sprint(w.Ask(http.MethodGet, "/api/v1/exports", nil).List("exports")[0]["dataset"])
	id := w.begin(w.Tokens[auth.Operator], `{"dataset":"`+dataset+`"}`)
	url := "/api/v1/tasks/" + id
	w.Await(id)
	w.AskAs(w.Tokens[auth.Operator], http.MethodDelete, url, nil).Want(http.StatusConflict).Says("ended")
	if _, err := w.Pool.Exec(t.Context(), "UPDATE task SET status = 'PENDING', ended_at = NULL, expires_at = NULL"); err != nil {
		t.Fatal(err)
	}
	w.AskAs(w.Tokens[auth.Viewer], http.MethodDelete, url, nil).Want(http.StatusNotFound)
	w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, url, nil).Want(http.StatusNotFound)
	reader := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadTasks}})
	w.AskAs(reader, http.MethodGet, url, nil).Want(http.StatusOK)
	w.AskAs(reader, http.MethodDelete, url, nil).Want(http.StatusForbidden).Says("accounts.delete_task")
	w.AskAs(w.Tokens[auth.Operator], http.MethodDelete, url, nil).Want(http.StatusNoContent)
	w.AskAs(w.Tokens[auth.Operator], http.MethodDelete, url, nil).Want(http.StatusNoContent) // once more changes nothing
	got := w.AskAs(w.Tokens[auth.Operator], http.MethodGet, url, nil).Want(http.StatusOK).Object()
	if got["status"] != "REVOKED" || got["download_url"] != nil {
		t.Errorf("got %v", got)
	}
	var audited int
	const revoked = "SELECT count(*) FROM audit WHERE object = 'task' AND object_id = $1 AND action = 'revoked'"
	if err := w.Pool.QueryRow(t.Context(), revoked, id).Scan(&audited); err != nil || audited != 1 {
		t.Errorf("audited %d times: %v", audited, err)
	}
	w.Ask(http.MethodDelete, "/api/v1/tasks/7", nil).Want(http.StatusNotFound)
}

func TestATaskIsRevokedByWhoMayEndEverybodys(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	id := w.begin(w.Tokens[auth.Operator], `{"dataset":"deb_packages"}`)
	w.Await(id)
	if _, err := w.Pool.Exec(t.Context(), "UPDATE task SET status = 'PENDING', ended_at = NULL, expires_at = NULL"); err != nil {
		t.Fatal(err)
	}
	both := []auth.Permission{auth.ReadTasks, auth.DeleteTasks}
	w.AskAs(w.TokenFor(apitest.Role{Permissions: both[1:]}), http.MethodDelete, "/api/v1/tasks/"+id, nil).Want(http.StatusNotFound)
	w.AskAs(w.TokenFor(apitest.Role{Permissions: both}), http.MethodDelete, "/api/v1/tasks/"+id, nil).Want(http.StatusNoContent)
}

func TestWithoutBackgroundWorkNothingIsBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dataset := fmt.Sprint(w.Ask(http.MethodGet, "/api/v1/exports", nil).List("exports")[0]["dataset"])
	w.Ask(http.MethodPost, "/api/v1/exports", `{"dataset":"`+dataset+`"}`).Want(http.StatusServiceUnavailable)
}
