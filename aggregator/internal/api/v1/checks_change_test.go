// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
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
