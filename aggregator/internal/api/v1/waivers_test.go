// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func newWaiver(serial string, expires time.Time) map[string]any {
	return map[string]any{"check_id": 1, "serial_number": serial, "owner": "web team", "reason": "moves in May", "expires_at": expires}
}

func TestAWaivedStatusDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("never", "`false`")).Want(http.StatusCreated)
	overall := func(want string) {
		t.Helper()
		if got := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1", nil).Want(http.StatusOK).Object()["status_display"]; got != want {
			t.Errorf("overall status is %v, want %s", got, want)
		}
		for _, status := range []string{"OK", "FAILED"} { // a list knows the same
			found := w.Ask(http.MethodGet, "/api/v1/machines?q=status:"+status, nil).Want(http.StatusOK).List("machines")
			if (len(found) == 1) != (status == want) {
				t.Errorf("status:%s finds %v", status, found)
			}
		}
	}
	overall("FAILED")
	soon := time.Now().Add(time.Hour)
	made := w.Ask(http.MethodPost, "/api/v1/waivers", newWaiver("DEB-1", soon)).Want(http.StatusCreated)
	path := fmt.Sprintf("/api/v1/waivers/%v", made.Object()["id"])
	if made.Header.Get("Location") != path || made.Object()["state"] != "active" || made.Object()["check_name"] != "never" {
		t.Errorf("got %s, %s", made.Header.Get("Location"), made.Body)
	}
	overall("OK")
	for query, want := range map[string]int{"": 1, "?waived=true": 1, "?waived=false": 0, "?status=FAILED": 1, "?status=OK": 0, "?status=FAILED&waived=true": 1} {
		got := w.Ask(http.MethodGet, "/api/v1/checks/1/statuses"+query, nil).Want(http.StatusOK).List("statuses")
		if len(got) != want || want == 1 && (got[0]["waived"] != true || got[0]["waiver"].(map[string]any)["owner"] != "web team") {
			t.Errorf("%s: got %v", query, got)
		}
	}
	later := newWaiver("DEB-1", soon.Add(time.Hour))
	later["owner"] = "db team"
	w.Ask(http.MethodPut, path, later).Want(http.StatusOK).Says("db team")
	w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Says("db team")
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusNoContent)
	w.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound)
	overall("FAILED")
	entries := w.Ask(http.MethodGet, "/api/v1/audit", nil).Want(http.StatusOK)
	for _, action := range []string{"created", "updated", "deleted"} {
		if !strings.Contains(string(entries.Body), `"action":"`+action+`","object":"waiver"`) {
			t.Errorf("not in the audit log: waiver %s: %s", action, entries.Body)
		}
	}
	w.Ask(http.MethodDelete, "/api/v1/checks/1", nil).Want(http.StatusNoContent)
	if got := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1", nil).Want(http.StatusOK).Object()["status"]; got != nil {
		t.Errorf("overall status without a check: %v", got)
	}
}

func TestExpiredWaiversStayInTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("never", "`false`")).Want(http.StatusCreated)
	path := "/api/v1/waivers/1"
	w.Ask(http.MethodPost, "/api/v1/waivers", newWaiver("DEB-1", time.Now().Add(time.Hour))).Want(http.StatusCreated)
	if _, err := w.Pool.Exec(t.Context(), "UPDATE waiver SET expires_at = now() - interval '1 minute', ended_at = now()"); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"": 1, "?state=expired": 1, "?state=active": 0, "?check_id=1": 1, "?check_id=2": 0, "?serial_number=DEB-1": 1, "?serial_number=DEB-2": 0,
	} {
		if got := w.Ask(http.MethodGet, "/api/v1/waivers"+query, nil).Want(http.StatusOK).List("waivers"); len(got) != want {
			t.Errorf("%s: got %v", query, got)
		}
	}
	if got := w.Ask(http.MethodGet, "/api/v1/checks/1/statuses", nil).List("statuses"); len(got) != 1 || got[0]["waived"] != false {
		t.Errorf("got %v", got)
	}
	body := newWaiver("DEB-1", time.Now().Add(time.Hour))
	w.Ask(http.MethodPost, "/api/v1/waivers", body).Want(http.StatusBadRequest).Says("already")
	w.Ask(http.MethodPut, path, body).Want(http.StatusOK).Says(`"state":"active"`)
	var ended *time.Time
	if err := w.Pool.QueryRow(t.Context(), "SELECT ended_at FROM waiver").Scan(&ended); err != nil || ended != nil {
		t.Errorf("a renewed waiver has ended at %v: it would not expire again (%v)", ended, err)
	}
}

func TestWaiversAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("never", "`false`")).Want(http.StatusCreated)
	soon := time.Now().Add(time.Hour)
	with := func(key string, value any) map[string]any {
		body := newWaiver("DEB-1", soon)
		body[key] = value
		return body
	}
	for name, tt := range map[string]struct {
		body any
		says string
	}{
		"unknown machine": {with("serial_number", "nobody"), "serial_number"},
		"unknown check":   {with("check_id", 99), "check_id"},
		"no check":        {with("check_id", nil), "check_id"},
		"no owner":        {with("owner", " "), "owner"},
		"long owner":      {with("owner", strings.Repeat("x", 257)), "owner"},
		"no reason":       {with("reason", ""), "reason"},
		"NUL":             {with("reason", "a\x00b"), "reason"},
		"no end":          {with("expires_at", nil), "expires_at"},
		"over":            {with("expires_at", time.Now().Add(-time.Minute)), "over already"},
		"for ever":        {with("expires_at", time.Now().AddDate(0, 0, 3661)), "3660"},
		"unknown key":     {with("state", "active"), "state"},
		"no object":       {"[]", "object"},
	} {
		t.Run(name, func(t *testing.T) {
			w.Ask(http.MethodPost, "/api/v1/waivers", tt.body).Want(http.StatusBadRequest).Says(tt.says)
		})
	}
	w.Ask(http.MethodPost, "/api/v1/waivers", newWaiver("DEB-1", soon)).Want(http.StatusCreated)
	w.Ask(http.MethodPut, "/api/v1/waivers/1", with("check_id", 2)).Want(http.StatusBadRequest).Says("another waiver")
	w.Ask(http.MethodPut, "/api/v1/waivers/1", with("serial_number", "X")).Want(http.StatusBadRequest).Says("another waiver")
	for _, query := range []string{"state=old", "check_id=x", "check_id=0", "surprise=1", "limit=0"} {
		w.Ask(http.MethodGet, "/api/v1/waivers?"+query, nil).Want(http.StatusBadRequest)
	}
	w.AskAs(w.Tokens[auth.Viewer], http.MethodDelete, "/api/v1/waivers/1", nil).Want(http.StatusForbidden)
	w.Ask(http.MethodDelete, "/api/v1/checks/1", nil).Want(http.StatusNoContent)
	if got := w.Ask(http.MethodGet, "/api/v1/waivers", nil).List("waivers"); len(got) != 0 {
		t.Errorf("waivers of a deleted check: %v", got)
	}
}

// Who is limited to machines with a tag neither sees nor makes waivers for others, and cannot tell them from unknown ones.
func TestWaiversOfMachinesOutOfReachAreLikeUnknownOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("never", "`false`")).Want(http.StatusCreated)
	tag := w.Ask(http.MethodPost, "/api/inventory/tags/", map[string]any{"name": "in"}).Want(http.StatusCreated).Object()["id"].(float64)
	w.Ask(http.MethodPost, "/api/v1/machines/tags", map[string]any{
		"serial_numbers": []string{"DEB-1"}, "operations": []map[string]any{{"kind": "ADD", "names": []string{"in"}}},
	}).Want(http.StatusOK)
	windows := w.Ask(http.MethodGet, "/api/v1/machines?q=platform:WINDOWS", nil).Want(http.StatusOK).List("machines")[0]["serial_number"].(string)
	soon := time.Now().Add(time.Hour)
	w.Ask(http.MethodPost, "/api/v1/waivers", newWaiver(windows, soon)).Want(http.StatusCreated)
	limited := w.TokenFor(apitest.Role{Permissions: auth.Permissions(), Tags: []int64{int64(tag)}})
	known := w.AskAs(limited, http.MethodPost, "/api/v1/waivers", newWaiver(windows, soon)).Want(http.StatusBadRequest)
	unknown := w.AskAs(limited, http.MethodPost, "/api/v1/waivers", newWaiver("nobody", soon)).Want(http.StatusBadRequest)
	if fmt.Sprint(known.Object()["errors"]) != fmt.Sprint(unknown.Object()["errors"]) {
		t.Errorf("got %s, and of an unknown machine %s", known.Body, unknown.Body)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		w.AskAs(limited, method, "/api/v1/waivers/1", newWaiver(windows, soon)).Want(http.StatusNotFound)
	}
	if got := w.AskAs(limited, http.MethodGet, "/api/v1/waivers", nil).Want(http.StatusOK).List("waivers"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	w.AskAs(limited, http.MethodPost, "/api/v1/waivers", newWaiver("DEB-1", soon)).Want(http.StatusCreated)
	if got := w.AskAs(limited, http.MethodGet, "/api/v1/waivers", nil).Want(http.StatusOK).List("waivers"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := w.AskAs(limited, http.MethodGet, "/api/v1/checks/1/statuses", nil).Want(http.StatusOK).List("statuses"); len(got) != 1 || got[0]["waiver"] == nil {
		t.Errorf("got %v", got)
	}
	blind := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadChecks, auth.ReadInventory}})
	got := w.AskAs(blind, http.MethodGet, "/api/v1/checks/1/statuses?waived=true", nil).Want(http.StatusOK).List("statuses")
	if len(got) != 1 || got[0]["waived"] != true || got[0]["waiver"] != nil {
		t.Errorf("without the permission to see waivers: got %v", got)
	}
}
