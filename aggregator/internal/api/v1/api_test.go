// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestUnknownParametersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	for _, route := range w.Doors.Routes {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if !strings.HasPrefix(path, "/api/v1/") || strings.HasPrefix(path, "/api/v1/agent_packages/") {
			continue // another contract's, and files that are there or not
		}
		path = strings.NewReplacer("{serial}", "DEB-1", "{file}", "deb_packages.csv", "{id}", "1").Replace(path)
		if a := w.Ask(method, path+"?surprise=1", "{}"); a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "surprise") {
			t.Errorf("%s: got %d %s", route.Pattern, a.Status, a.Body)
		}
	}
}

func TestBearerAndTokenAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, scheme := range []string{"Token", "Bearer", "bearer"} {
		req := apitest.Request(t, http.MethodGet, "/api/v1/machines", nil)
		req.Header.Set("Authorization", scheme+" "+w.Tokens[auth.Viewer])
		w.Send(req).Want(http.StatusOK)
	}
	req := apitest.Request(t, http.MethodGet, "/api/v1/machines", nil)
	req.Header.Set("Authorization", "Basic "+w.Tokens[auth.Viewer])
	w.Send(req).Want(http.StatusUnauthorized)
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"/api/v1/machines/none", "/api/v1/machines/none/snapshot", "/api/v1/machines/none/changes",
		"/api/v1/machines/none/diff?from=2026-01-01T00:00:00Z", "/api/v1/machines/.@", "/api/v1/checks/7", "/api/v1/checks/x",
		"/api/v1/checks/7/statuses", "/api/v1/", "/api/v1/nothing", "/api/v2/machines", "/api/v1/machines/a/b",
	} {
		a := w.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound)
		if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type is %q", path, got)
		}
	}
}

func TestHeadIsAnsweredLikeGet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	for _, path := range []string{"/api/v1/machines", "/api/v1/machines/DEB-1/snapshot", "/api/v1/exports/deb_packages.csv", "/-/ready"} {
		w.Ask(http.MethodHead, path, nil).Want(http.StatusOK)
	}
}

func TestReadinessIsTheDatabases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.AskAs("", http.MethodGet, "/-/ready", nil).Want(http.StatusOK).Says("ready")
	w.NotReady = errors.New("no room for postgres://secret")
	a := w.AskAs("", http.MethodGet, "/-/ready", nil).Want(http.StatusServiceUnavailable)
	if strings.Contains(string(a.Body), "secret") {
		t.Errorf("the probe tells what only the log may: %s", a.Body)
	}
}

func TestListsPageByCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "macos", "windows", "ios", "android")
	tests := []struct {
		path, list, key string
		want            int
	}{
		{"/api/v1/machines", "machines", "serial_number", 5},
		{"/api/v1/software", "software", "name", 9},
		{"/api/v1/software?kind=deb_packages", "software", "name", 3},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			joint := "?"
			if strings.Contains(tt.path, "?") {
				joint = "&"
			}
			seen := map[any]bool{}
			cursor, pages := "", 0
			for {
				a := w.Ask(http.MethodGet, tt.path+joint+"limit=2"+cursor, nil).Want(http.StatusOK)
				for _, row := range a.List(tt.list) {
					key := row[tt.key].(string) + " " + text(row["kind"])
					if seen[key] {
						t.Errorf("%v came twice", key)
					}
					seen[key] = true
				}
				next, more := a.Object()["next_cursor"].(string)
				if !more {
					break
				}
				if pages++; pages > 10 {
					t.Fatal("the list has no end")
				}
				cursor = "&cursor=" + next
			}
			if len(seen) != tt.want {
				t.Errorf("got %d rows, want %d: %v", len(seen), tt.want, seen)
			}
			w.Ask(http.MethodGet, tt.path+joint+"cursor=nonsense", nil).Want(http.StatusBadRequest).Says("cursor")
			w.Ask(http.MethodGet, tt.path+joint+"limit=0", nil).Want(http.StatusBadRequest).Says("limit")
			w.Ask(http.MethodGet, tt.path+joint+"limit=1001", nil).Want(http.StatusBadRequest).Says("1000")
			w.Ask(http.MethodGet, tt.path+joint+"limit=1&limit=2", nil).Want(http.StatusBadRequest).Says("more than once")
		})
	}
	other := w.Ask(http.MethodGet, "/api/v1/machines?limit=1", nil).Object()["next_cursor"].(string)
	w.Ask(http.MethodGet, "/api/v1/software?cursor="+other, nil).Want(http.StatusBadRequest).Says("cursor")
}

func TestCursorEndsWithTheEpochOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	begin := func() {
		t.Helper()
		if _, err := w.Store.Epoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	cursor := w.Ask(http.MethodGet, "/api/v1/machines?limit=1", nil).Object()["next_cursor"].(string)
	w.Ask(http.MethodGet, "/api/v1/machines?cursor="+cursor, nil).Want(http.StatusOK)
	if _, err := w.Pool.Exec(t.Context(), "UPDATE database_epoch SET timeline = timeline + 1"); err != nil { // as after a restore
		t.Fatal(err)
	}
	begin()
	w.Ask(http.MethodGet, "/api/v1/machines?cursor="+cursor, nil).Want(http.StatusGone).Says("begin the list anew")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func TestMetricsNeedAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	if err := w.Index.Fresh(t.Context()); err != nil { // scrapes do not wait for it
		t.Fatal(err)
	}
	w.Ask(http.MethodGet, "/metrics", nil).Want(http.StatusOK).
		Says(`rollcall_machines{os_version="Debian GNU/Linux 12.11",platform="LINUX"} 1`).
		Says(`rollcall_partitions_ahead 3`).Says(`rollcall_database_up 1`).Says(`go_goroutines`)
}
