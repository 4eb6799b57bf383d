// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestTheHistoryOfACheckIsToldByDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Ask(http.MethodPost, "/api/v1/checks", newCheck("a", "`true`")).Want(http.StatusCreated)
	const days = `INSERT INTO check_history (check_id, day, ok, pending, unknown, failed, waived, fixed, fixed_seconds)
VALUES (1, current_date, 7, 1, 2, 3, 4, 2, 61), (1, current_date - 1, 5, 0, 0, 6, 0, 0, 0), (1, current_date - 400, 1, 0, 0, 0, 0, 0, 0)`
	if _, err := w.Pool.Exec(t.Context(), days); err != nil {
		t.Fatal(err)
	}
	var today, yesterday string
	if err := w.Pool.QueryRow(t.Context(), "SELECT current_date::text, (current_date - 1)::text").Scan(&today, &yesterday); err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/checks/1/history"
	got := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).List("days")
	if len(got) != 2 || got[0]["day"] != yesterday || got[1]["day"] != today {
		t.Fatalf("got %v", got)
	}
	want := map[string]any{
		"day": today, "ok": 7.0, "pending": 1.0, "unknown": 2.0, "failed": 3.0, "waived": 4.0, "fixed": 2.0, "mean_seconds_to_fix": 30.0,
	}
	for key, value := range want {
		if got[1][key] != value {
			t.Errorf("%s: got %v, want %v", key, got[1][key], value)
		}
	}
	if got[0]["mean_seconds_to_fix"] != nil {
		t.Errorf("a day without anything fixed: got %v", got[0])
	}
	if got := w.Ask(http.MethodGet, path+"?until="+yesterday, nil).List("days"); len(got) != 1 || got[0]["day"] != yesterday {
		t.Errorf("got %v", got)
	}
	if got := w.Ask(http.MethodGet, path+"?since="+today+"T12:00:00Z", nil).List("days"); len(got) != 1 || got[0]["day"] != today {
		t.Errorf("got %v", got)
	}
	w.Ask(http.MethodGet, path+"?since=yesterday", nil).Want(http.StatusBadRequest).Says("since")
	w.Ask(http.MethodGet, "/api/v1/checks/9/history", nil).Want(http.StatusNotFound)
	tag := w.Ask(http.MethodPost, "/api/inventory/tags/", map[string]any{"name": "in"}).Want(http.StatusCreated).Object()["id"].(float64)
	limited := w.TokenFor(apitest.Role{Permissions: auth.Permissions(), Tags: []int64{int64(tag)}})
	w.AskAs(limited, http.MethodGet, path, nil).Want(http.StatusForbidden)
}
