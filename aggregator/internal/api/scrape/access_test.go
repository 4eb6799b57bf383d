// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scrape_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

var paths = []string{"/metrics/inventory/", "/metrics/compliance_checks/", "/metrics/"}

// TestWhoMayScrape asks with all that somebody may show. The own door of the aggregator tells who may not come in; those
// of the contract say nothing.
func TestWhoMayScrape(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{})
	w.tag("", "some", "S")
	var tag int64
	if err := w.Pool.QueryRow(t.Context(), "SELECT id FROM tag").Scan(&tag); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, authorization string
		may                 bool
	}{
		{name: "nothing"},
		{name: "another token", authorization: "Bearer x"},
		{name: "the beginning of it", authorization: "Bearer " + apitest.MetricsToken[:4]},
		{name: "more than it", authorization: "Bearer " + apitest.MetricsToken + "x"},
		{name: "two of it", authorization: "Bearer " + apitest.MetricsToken + " " + apitest.MetricsToken},
		{name: "another scheme", authorization: "Token " + apitest.MetricsToken},
		{name: "no token", authorization: "Bearer "},
		{name: "the metrics token", authorization: "Bearer " + apitest.MetricsToken, may: true},
		{name: "the scheme in lower case", authorization: "bearer " + apitest.MetricsToken, may: true},
		{name: "a viewer", authorization: "Bearer " + w.Tokens[auth.Viewer], may: true},
		{name: "a viewer by our scheme", authorization: "Token " + w.Tokens[auth.Viewer], may: true},
		{name: "nobody in particular", authorization: "Bearer " + w.TokenOfNobody()},
		{name: "a viewer of some machines", authorization: "Bearer " + w.TokenFor(apitest.Role{Tags: []int64{tag}})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range paths {
				a := w.send(path, test.authorization)
				if test.may {
					a.Want(http.StatusOK)
				} else if a.Want(http.StatusForbidden); len(a.Body) > 0 {
					t.Errorf("%s: the refusal says %s", path, a.Body)
				}
			}
			if a := w.send("/metrics", test.authorization); (a.Status == http.StatusOK) != test.may {
				t.Errorf("/metrics: %d", a.Status)
			}
		})
	}
}

// TestWithoutATokenNobodyShowsOne asks an aggregator that none was given to.
func TestWithoutATokenNobodyShowsOne(t *testing.T) {
	t.Parallel()
	w := &world{apitest.New(t, apitest.Options{NoMetricsToken: true}), t}
	for _, path := range paths {
		for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer " + apitest.MetricsToken} {
			if a := w.send(path, authorization).Want(http.StatusForbidden); len(a.Body) > 0 {
				t.Errorf("%s: the refusal says %s", path, a.Body)
			}
		}
		w.send(path, "Bearer "+w.Tokens[auth.Viewer]).Want(http.StatusOK)
	}
}

// TestMetricsThatAreOffAreNotThere asks with what would open them.
func TestMetricsThatAreOffAreNotThere(t *testing.T) {
	t.Parallel()
	w := &world{apitest.New(t, apitest.Options{NoFleetMetrics: true}), t}
	for path, want := range map[string]int{
		"/metrics/inventory/": http.StatusNotFound, "/metrics/compliance_checks/": http.StatusNotFound,
		"/metrics/": http.StatusOK, "/metrics": http.StatusOK, "/metrics/other/": http.StatusNotFound,
	} {
		w.send(path, "Bearer "+apitest.MetricsToken).Want(want)
	}
	w.send("/metrics/inventory/", "").Want(http.StatusNotFound)
}

// TestUncountedFleetIsNotToldOf asks before the index is built.
func TestUncountedFleetIsNotToldOf(t *testing.T) {
	t.Parallel()
	w := &world{apitest.New(t, apitest.Options{Unindexed: true}), t}
	for _, path := range paths[:2] {
		w.send(path, "Bearer "+apitest.MetricsToken).Want(http.StatusServiceUnavailable).Says("being counted")
		w.send(path, "").Want(http.StatusForbidden)
	}
}

// TestOwnMetricsKeepTheConventions holds what every part of the aggregator says of itself against them.
func TestOwnMetricsKeepTheConventions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{})
	log := slog.New(slog.DiscardHandler)
	numbers := metrics.New(w.Store, "test", log)
	registerer := numbers.Registerer()
	numbers.CountFrom(index.New(w.Store, index.Options{Registerer: registerer, Log: log}))
	ingest.New(w.Store, commit.New(w.Store, log), ingest.Options{Registerer: registerer}, log)
	notify.New(w.Store, feed.New(w.Store, feed.Options{Log: log}), notify.Options{Registerer: registerer, Log: log})
	queue, err := task.Open(t.Context(), w.Pool.Config().ConnString(), task.Options{Metrics: registerer, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(queue.Close)
	scraped := httptest.NewRecorder()
	numbers.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := scraped.Body.String()
	lint(t, text)
	for _, want := range []string{
		"rollcall_machine_enrollments_total", "rollcall_sync_calls_queued", "rollcall_database_connections_in_use", "rollcall_index_age_seconds",
		"rollcall_database_oldest_transaction_seconds", "rollcall_task_oldest_waiting_seconds 0", "rollcall_tasks_waiting 0",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("there is no %s", want)
		}
	}
	lint(t, w.scrape("/metrics/"))
}
