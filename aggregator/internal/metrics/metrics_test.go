// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("got %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func TestNamesAreWhatPrometheusExpects(t *testing.T) {
	t.Parallel()
	s := store.New(storetest.New(t))
	t.Cleanup(s.Close)
	m := metrics.New(s, "test", slog.New(slog.DiscardHandler))
	own := prometheus.NewCounter(prometheus.CounterOpts{Name: "rollcall_other_total", Help: "Of another package."})
	m.Registerer().MustRegister(own)
	body := scrape(t, m)
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{"rollcall_other_total 0", `rollcall_build_info{version="test"} 1`, "rollcall_database_up 1", "process_open_fds", "rollcall_snapshots 0"} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestScrapeSurvivesTheDatabase(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	m := metrics.New(s, "test", slog.New(slog.DiscardHandler))
	pool.Close()
	body := scrape(t, m)
	if !strings.Contains(body, "rollcall_database_up 0") || !strings.Contains(body, "go_goroutines") {
		t.Errorf("got %s", body)
	}
}
