// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

func TestTreesAreRefusedWithTheirPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name, body, says string
		status           int
	}{
		{"unknown key", `{"source":{"module":"m","name":"n"},"serial_number":"s","deb_packages":[{"label":"bash"}]}`, "deb_packages[0].label", 400},
		{"unknown key at the top", `{"source":{"module":"m","name":"n"},"serial_number":"s","mt_hash":"x"}`, "mt_hash", 400},
		{"wrong type", `{"source":{"module":"m","name":"n"},"serial_number":"s","disks":{}}`, "disks", 400},
		{"no serial number", `{"source":{"module":"m","name":"n"}}`, "serial_number", 400},
		{"no JSON", `nope`, "not JSON", 400},
		{"a list", `[]`, "object", 400},
		{"too large", `{"x":"` + strings.Repeat("x", 11<<20) + `"}`, "larger", 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Ask(http.MethodPost, "/api/v1/snapshots", tt.body).Want(tt.status).Says(tt.says)
		})
	}
	req := apitest.Request(t, http.MethodPost, "/api/v1/snapshots", "{}")
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Authorization", "Token "+w.Tokens["admin"])
	w.Send(req).Want(http.StatusUnsupportedMediaType)
	if got := w.Ask(http.MethodGet, "/api/v1/machines", nil).List("machines"); len(got) != 0 {
		t.Errorf("a refused tree left %v", got)
	}
}

func TestSoftwareCountsMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "macos", "android")
	second := fixture(t, "debian")
	second["serial_number"] = "DEB-2"
	w.Ask(http.MethodPost, "/api/v1/snapshots", second).Want(http.StatusCreated)

	got := w.Ask(http.MethodGet, "/api/v1/software?kind=deb_packages&q=BASH", nil).Want(http.StatusOK).List("software")
	if len(got) != 1 || got[0]["machines"] != 2.0 || got[0]["version"] != "5.2.15" {
		t.Errorf("got %v", got)
	}
	if got := w.Ask(http.MethodGet, "/api/v1/software?q=firefox", nil).List("software"); len(got) != 2 {
		t.Errorf("Firefox on a phone and a Mac: got %v", got)
	}
	w.Ask(http.MethodGet, "/api/v1/software?kind=disks", nil).Want(http.StatusBadRequest).Says("deb_packages")
}

func TestDebPackagesExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "windows")
	a := w.Ask(http.MethodGet, "/api/v1/exports/deb_packages.csv", nil).Want(http.StatusOK)
	if got := a.Header.Get("Content-Disposition"); !strings.Contains(got, "deb_packages.csv") {
		t.Errorf("Content-Disposition is %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(string(a.Body))).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("got %d rows, %v: %s", len(rows), err, a.Body)
	}
	seen, err := time.Parse(time.RFC3339Nano, rows[1][3])
	if err != nil {
		t.Fatal(err)
	}
	compareFile(t, "deb_packages.csv", []byte(strings.ReplaceAll(string(a.Body), seen.Format(time.RFC3339Nano), "LAST_SEEN")))
	if got := w.Ask(http.MethodGet, "/api/v1/exports/deb_packages.csv?source=nobody", nil).Want(http.StatusOK).Body; strings.Count(string(got), "\n") != 1 {
		t.Errorf("no source, but rows: %s", got)
	}
}
