// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestEveryRouteIsDescribedAndNothingElse(t *testing.T) {
	t.Parallel()
	doc := description(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	routes := newWorld(t).api.Patterns()
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes    %v\ndescribed %v", routes, described)
	}
}

// TestDoors asks every route without a token, with a wrong one, and with one that lacks the permission.
func TestDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	public := []string{"/api/v1/openapi.json", "/-/healthy", "/-/ready"}
	for _, pattern := range w.api.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		if slices.Contains(public, path) {
			w.askAs("", method, path, nil).want(http.StatusOK)
			w.askAs("", method, path+"?x=1", nil).want(http.StatusBadRequest)
			continue
		}
		path = strings.NewReplacer("{serial}", "S", "{id}", "1").Replace(path)
		w.askAs("", method, path, nil).want(http.StatusUnauthorized).says("not provided")
		w.askAs("ztls_wrong", method, path, nil).want(http.StatusUnauthorized).says("Invalid ztl token.")
		a := w.askAs(auth.NewToken(auth.User), method, path, nil).want(http.StatusUnauthorized).says("Invalid token.")
		if got := a.header.Values("WWW-Authenticate"); !slices.Contains(got, "Token") {
			t.Errorf("%s: WWW-Authenticate is %v", pattern, got)
		}
		if method == http.MethodPost {
			w.askAs(w.tokens[auth.Viewer], method, path, "{}").want(http.StatusForbidden).says("inventory.add_")
		}
		if path != "/metrics" {
			w.ask(method, path+"?surprise=1", "{}").want(http.StatusBadRequest).says("surprise")
		}
		a = w.ask(http.MethodPatch, path, nil).want(http.StatusMethodNotAllowed).says("not allowed")
		if !strings.Contains(a.header.Get("Allow"), method) {
			t.Errorf("%s: Allow is %q", pattern, a.header.Get("Allow"))
		}
	}
}

func TestBearerAndTokenAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, scheme := range []string{"Token", "Bearer", "bearer"} {
		req := request(t, http.MethodGet, "/api/v1/machines", nil)
		req.Header.Set("Authorization", scheme+" "+w.tokens[auth.Viewer])
		w.send(req).want(http.StatusOK)
	}
	req := request(t, http.MethodGet, "/api/v1/machines", nil)
	req.Header.Set("Authorization", "Basic "+w.tokens[auth.Viewer])
	w.send(req).want(http.StatusUnauthorized)
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"/api/v1/machines/none", "/api/v1/machines/none/snapshot", "/api/v1/machines/none/changes",
		"/api/v1/machines/none/diff?from=2026-01-01T00:00:00Z", "/api/v1/machines/.@", "/api/v1/checks/7", "/api/v1/checks/x",
		"/api/v1/checks/7/statuses", "/api/v1/", "/api/v1/nothing", "/api/v2/machines", "/api/v1/machines/a/b",
	} {
		a := w.ask(http.MethodGet, path, nil).want(http.StatusNotFound)
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type is %q", path, got)
		}
	}
}

func TestHeadIsAnsweredLikeGet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	for _, path := range []string{"/api/v1/machines", "/api/v1/machines/DEB-1/snapshot", "/api/v1/exports/deb_packages.csv", "/-/ready"} {
		w.ask(http.MethodHead, path, nil).want(http.StatusOK)
	}
}

func TestReadinessIsTheDatabases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.askAs("", http.MethodGet, "/-/ready", nil).want(http.StatusOK).says("ready")
	w.notReady = errors.New("no room for postgres://secret")
	a := w.askAs("", http.MethodGet, "/-/ready", nil).want(http.StatusServiceUnavailable)
	if strings.Contains(string(a.body), "secret") {
		t.Errorf("the probe tells what only the log may: %s", a.body)
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
				a := w.ask(http.MethodGet, tt.path+joint+"limit=2"+cursor, nil).want(http.StatusOK)
				for _, row := range a.list(tt.list) {
					key := row[tt.key].(string) + " " + text(row["kind"])
					if seen[key] {
						t.Errorf("%v came twice", key)
					}
					seen[key] = true
				}
				next, more := a.object()["next_cursor"].(string)
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
			w.ask(http.MethodGet, tt.path+joint+"cursor=nonsense", nil).want(http.StatusBadRequest).says("cursor")
			w.ask(http.MethodGet, tt.path+joint+"limit=0", nil).want(http.StatusBadRequest).says("limit")
			w.ask(http.MethodGet, tt.path+joint+"limit=1001", nil).want(http.StatusBadRequest).says("1000")
			w.ask(http.MethodGet, tt.path+joint+"limit=1&limit=2", nil).want(http.StatusBadRequest).says("more than once")
		})
	}
	other := w.ask(http.MethodGet, "/api/v1/machines?limit=1", nil).object()["next_cursor"].(string)
	w.ask(http.MethodGet, "/api/v1/software?cursor="+other, nil).want(http.StatusBadRequest).says("cursor")
}

func TestCursorEndsWithTheEpochOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	begin := func() {
		t.Helper()
		if _, err := w.store.Epoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	cursor := w.ask(http.MethodGet, "/api/v1/machines?limit=1", nil).object()["next_cursor"].(string)
	w.ask(http.MethodGet, "/api/v1/machines?cursor="+cursor, nil).want(http.StatusOK)
	if _, err := w.pool.Exec(t.Context(), "UPDATE database_epoch SET timeline = timeline + 1"); err != nil { // as after a restore
		t.Fatal(err)
	}
	begin()
	w.ask(http.MethodGet, "/api/v1/machines?cursor="+cursor, nil).want(http.StatusGone).says("begin the list anew")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func TestMetricsNeedAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	if err := w.index.Fresh(t.Context()); err != nil { // scrapes do not wait for it
		t.Fatal(err)
	}
	w.ask(http.MethodGet, "/metrics", nil).want(http.StatusOK).
		says(`rollcall_machines{os_version="Debian GNU/Linux 12.11",platform="LINUX"} 1`).
		says(`rollcall_partitions_ahead 3`).says(`rollcall_database_up 1`).says(`go_goroutines`)
}
