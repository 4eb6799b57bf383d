// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestMachineAndSoftwareAtAMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	named := func(name, version string) map[string]any {
		return map[string]any{
			"system_info":  map[string]any{"computer_name": name},
			"deb_packages": []any{map[string]any{"name": "bash", "version": version}},
		}
	}
	w.report("M-1", "a", named("was", "5.1"))
	var at time.Time
	if err := w.Pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
		t.Fatal(err)
	}
	w.report("M-1", "a", named("is", "5.2"))
	moment := "at=" + url.QueryEscape(at.UTC().Format(time.RFC3339Nano))
	if m := w.Ask(http.MethodGet, "/api/v1/machines/M-1?"+moment, nil).Want(http.StatusOK).Object(); m["computer_name"] != "was" {
		t.Errorf("then: %v", m)
	}
	if m := w.Ask(http.MethodGet, "/api/v1/machines/M-1", nil).Want(http.StatusOK).Object(); m["computer_name"] != "is" {
		t.Errorf("now: %v", m)
	}
	for query, want := range map[string]string{moment: "5.1", "": "5.2"} {
		rows := w.Ask(http.MethodGet, "/api/v1/machines/M-1/software?"+query, nil).Want(http.StatusOK).List("software")
		if len(rows) != 1 || rows[0]["version"] != want || rows[0]["kind"] != "deb_packages" {
			t.Errorf("%s: %v", query, rows)
		}
	}
	w.Ask(http.MethodGet, "/api/v1/machines/M-1?at=2020-01-01T00:00:00Z", nil).Want(http.StatusNotFound)
}

// TestAMomentIsToldAsNowIs has sources that disagree, one of which is gone later.
func TestAMomentIsToldAsNowIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, source := range []string{"zeta", "beta", "alpha"} { // the first one is named last
		w.report("M-1", source, map[string]any{
			"last_seen": fmt.Sprintf("2026-01-0%dT00:00:00", i+1), "platform": []string{"MACOS", "LINUX", "MACOS"}[i], "type": "SERVER",
			"system_info": map[string]any{"computer_name": "named by " + source},
		})
	}
	now := func() string {
		var at time.Time
		if err := w.Pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
			t.Fatal(err)
		}
		return "?at=" + url.QueryEscape(at.UTC().Format(time.RFC3339Nano))
	}
	facts := func(query string) string {
		m := w.Ask(http.MethodGet, "/api/v1/machines/M-1"+query, nil).Want(http.StatusOK).Object()
		merged := w.Ask(http.MethodGet, "/api/v1/machines/M-1/merged"+query, nil).Want(http.StatusOK).List("sources")
		return fmt.Sprint(m["computer_name"], m["platform"], m["type"], len(m["sources"].([]any)), len(merged))
	}
	all := now()
	if got := facts(all); got != facts("") || got != "named by zetaMACOSSERVER3 3" {
		t.Errorf("got %s, now %s", got, facts(""))
	}
	if _, err := w.Pool.Exec(t.Context(), "UPDATE head SET archived_at = clock_timestamp() WHERE source IN (SELECT id FROM source WHERE name <> 'beta')"); err != nil {
		t.Fatal(err)
	}
	if got, then := facts(now()), facts(all); got != facts("") || got != "named by betaLINUXSERVER3 1" || then != "named by zetaMACOSSERVER3 3" {
		t.Errorf("got %s, now %s, before %s", got, facts(""), then)
	}
}
