// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestACheckIsReplacedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	body := newCheck("a", "platform == 'LINUX'")
	id := w.Ask(http.MethodPost, "/api/v1/checks", body).Want(http.StatusCreated).Object()["id"]
	path := fmt.Sprintf("/api/v1/checks/%v", id)
	status := func(want string) {
		t.Helper()
		got := w.Ask(http.MethodGet, path+"/statuses", nil).Want(http.StatusOK).List("statuses")
		if len(got) != 1 || got[0]["status_display"] != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	status("OK")
	body["description"] = "why"
	w.Ask(http.MethodPut, path, body).Want(http.StatusOK).Says(`"version":1`).Says(`"description":"why"`)
	body["jmespath_expression"] = "platform == 'MACOS'"
	w.Ask(http.MethodPut, path, body).Want(http.StatusOK).Says(`"version":2`)
	status("FAILED")
	w.Ask(http.MethodPut, path, newCheck("a", "platform == 'MACOS'")).Want(http.StatusOK).Says(`"description":""`)
	w.Ask(http.MethodPut, path, newCheck("a", "platform ==")).Want(http.StatusBadRequest).Says(`"position":11`)
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("b", "ok")).Want(http.StatusCreated)
	w.Ask(http.MethodPut, path, newCheck("b", "ok")).Want(http.StatusBadRequest).Says("with this name already")
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		w.AskAs(w.Tokens[auth.Viewer], method, path, body).Want(http.StatusForbidden)
		w.Ask(method, "/api/v1/checks/99", body).Want(http.StatusNotFound)
		w.Ask(method, path+"?surprise=1", body).Want(http.StatusBadRequest).Says("surprise")
	}
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusNoContent)
	w.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound)
}

// Severity and labels say how bad it is; they change nothing about who is judged how, and the outside contract, which
// does not know them, leaves them as they are.
func TestSeverityAndLabelsMakeNoVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := newCheck("a", "`true`")
	w.Ask(http.MethodPost, "/api/v1/checks", body).Want(http.StatusCreated).Says(`"severity":"medium"`).Says(`"labels":[]`)
	body["severity"], body["labels"] = "critical", []string{"CIS 1.2.3", "ISO 27001"}
	w.Ask(http.MethodPut, "/api/v1/checks/1", body).Want(http.StatusOK).Says(`"version":1`).Says(`"severity":"critical"`).Says("CIS 1.2.3")
	outside := map[string]any{"name": "b", "source_name": "DOOR", "jmespath_expression": "`true`", "tags": []int{}}
	w.Ask(http.MethodPut, "/api/inventory/jmespath_checks/1/", outside).Want(http.StatusOK)
	raw := w.Ask(http.MethodGet, "/api/inventory/jmespath_checks/1/", nil).Want(http.StatusOK).Object()
	for _, field := range []string{"severity", "labels", "evaluated_version"} {
		if _, there := raw[field]; there {
			t.Errorf("the outside contract shows %s", field)
		}
	}
	w.Ask(http.MethodGet, "/api/v1/checks/1", nil).Want(http.StatusOK).Says(`"name":"b"`).Says(`"severity":"critical"`).Says("ISO 27001")
	w.Ask(http.MethodGet, "/api/v1/audit", nil).Want(http.StatusOK).Says(`"severity":"critical"`)
	many := make([]string, 33)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for field, value := range map[string]any{"severity": "awful", "labels": many} {
		bad := newCheck("c", "`true`")
		bad[field] = value
		w.Ask(http.MethodPost, "/api/v1/checks", bad).Want(http.StatusBadRequest).Says(field)
	}
	for i, label := range []string{"", " ", "two", strings.Repeat("x", 129), "a\x00"} {
		bad := newCheck("c", "`true`")
		bad["labels"] = []string{"two", label}
		if a := w.Ask(http.MethodPost, "/api/v1/checks", bad).Want(http.StatusBadRequest); !strings.Contains(string(a.Body), "labels[1]") {
			t.Errorf("label %d: got %s", i, a.Body)
		}
	}
}
