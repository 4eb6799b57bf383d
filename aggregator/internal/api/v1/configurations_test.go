// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const configurations = "/api/v1/configurations"

func TestAConfigurationLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := 0
	w.OnConfiguration = func(context.Context) error { heard++; return nil }
	body := map[string]any{
		"name": " servers ", "interval_seconds": 600, "ec2_tags": false, "fact_keys": []string{"site", "rack"},
		"collectors": map[string]any{"users": map[string]any{"enabled": false}, "deb_packages": map[string]any{"deadline_seconds": 90}},
	}
	a := w.Ask(http.MethodPost, configurations, body).Want(http.StatusCreated)
	created := a.Object()
	path := fmt.Sprintf("%s/%v", configurations, created["id"])
	if a.Header.Get("Location") != path || created["name"] != "servers" || created["ec2_tags"] != false || created["ec2_metadata"] != true {
		t.Errorf("got %v at %s", created, a.Header.Get("Location"))
	}
	want := map[string]any{
		"users":        map[string]any{"enabled": false},
		"deb_packages": map[string]any{"enabled": true, "deadline_seconds": 90.0},
	}
	if !reflect.DeepEqual(created["collectors"], want) || !reflect.DeepEqual(created["fact_keys"], []any{"site", "rack"}) {
		t.Errorf("got %v", created)
	}
	if got := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Object(); !reflect.DeepEqual(got, created) {
		t.Errorf("got %v, want %v", got, created)
	}
	same := w.Ask(http.MethodPut, path, body).Want(http.StatusOK).Object()
	if same["version"] != created["version"] {
		t.Errorf("nothing changed: got version %v, want %v", same["version"], created["version"])
	}
	other := w.Ask(http.MethodPut, path, map[string]any{"name": "servers"}).Want(http.StatusOK).Object()
	if other["version"].(float64) <= created["version"].(float64) || other["fact_keys"] != nil || other["interval_seconds"] != nil {
		t.Errorf("got %v, want a later version of nothing but a name", other)
	}
	w.Ask(http.MethodPost, configurations, map[string]any{"name": "second"}).Want(http.StatusCreated)
	if got := w.Ask(http.MethodGet, configurations+"?limit=1", nil).Want(http.StatusOK).List("configurations"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	w.Ask(http.MethodPut, path, map[string]any{"name": "second"}).Want(http.StatusBadRequest).Says("this name already")

	w.enroll("web", "servers")
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusConflict).Says("web")
	if err := w.Store.Configure(t.Context(), "web", ""); err != nil {
		t.Fatal(err)
	}
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusNoContent)
	w.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound)
	w.Ask(http.MethodPut, path, map[string]any{"name": "x"}).Want(http.StatusNotFound)
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusNotFound)
	if heard != 5 {
		t.Errorf("whoever delivers heard of %d changes, want 5", heard)
	}
}

// enroll makes an enrolment with a configuration.
func (w *world) enroll(name, configuration string) {
	w.T.Helper()
	_, err := w.Store.CreateEnrollment(w.T.Context(), store.NewEnrollment{
		Name: name, SecretDigest: auth.DigestOf(name), Configuration: configuration,
	})
	if err != nil {
		w.T.Fatal(err)
	}
}

func TestAConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Ask(http.MethodPost, configurations, map[string]any{"name": "taken"}).Want(http.StatusCreated)
	tests := []struct{ name, body, says string }{
		{"no name", `{}`, "name"},
		{"name taken", `{"name":"taken"}`, "already"},
		{"unknown key", `{"name":"a","command":"reboot"}`, "command"},
		{"unknown key of a collector", `{"name":"a","collectors":{"users":{"run":"x"}}}`, "run"},
		{"unknown collector", `{"name":"a","collectors":{"userz":{"enabled":false}}}`, "collectors.userz"},
		{"deadline", `{"name":"a","collectors":{"users":{"deadline_seconds":0}}}`, "collectors.users.deadline_seconds"},
		{"interval too short", `{"name":"a","interval_seconds":1}`, "interval_seconds"},
		{"interval no number", `{"name":"a","interval_seconds":"1h"}`, "interval_seconds"},
		{"fact key twice", `{"name":"a","fact_keys":["k","k"]}`, "fact_keys[1]"},
		{"fact key empty", `{"name":"a","fact_keys":[""]}`, "fact_keys[0]"},
		{"too large", `{"name":"` + strings.Repeat("a", 300) + `"}`, "name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Ask(http.MethodPost, configurations, tt.body).Want(http.StatusBadRequest).Says(tt.says)
		})
	}
	if got := w.Ask(http.MethodGet, configurations, nil).List("configurations"); len(got) != 1 {
		t.Errorf("a refused configuration is there: %v", got)
	}
	w.AskAs(w.Tokens[auth.Operator], http.MethodPost, configurations, `{"name":"b"}`).Want(http.StatusForbidden)
	w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, configurations, nil).Want(http.StatusOK)
}

func TestCollectorsOfAMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	const path = "/api/v1/machines/DEB-1/collectors"
	got := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Object()
	if got["reported_at"] != nil || len(got["collectors"].([]any)) != 0 {
		t.Errorf("without a report: got %v", got)
	}
	d, err := w.Store.Machine(t.Context(), "DEB-1")
	if err != nil {
		t.Fatal(err)
	}
	body := `{"agent_version":"9","transport":"grpc","configuration_version":"7","from_a_newer_agent":1,
		"runs":[{"collector":"disks","state":"COLLECTOR_STATE_FAILED","duration_milliseconds":30000},
		        {"collector":"users","state":"COLLECTOR_STATE_COLLECTED","items":3,"bytes_read":"99"}],
		"troubles":[{"collector":"disks","message":"gave up after 30s"},{"collector":"bios","message":"no","denied":true}]}`
	if err := w.Store.PutHealth(t.Context(), d.Heads[0].ID, time.Now(), []byte(body)); err != nil {
		t.Fatal(err)
	}
	report := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK)
	rows := report.List("collectors")
	if len(rows) != 3 || rows[0]["state"] != "failed" || rows[0]["error"] != "gave up after 30s" || rows[1]["items"] != 3.0 ||
		rows[1]["bytes_read"] != 99.0 || rows[2]["denied"] != true {
		t.Errorf("got %v", rows)
	}
	if o := report.Object(); o["configuration_version"] != 7.0 || o["agent_version"] != "9" || o["reported_at"] == nil {
		t.Errorf("got %v", o)
	}
	machine := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1", nil).Want(http.StatusOK)
	if strings.Contains(string(machine.Body), "bytes_read") || !strings.Contains(string(machine.Body), "gave up") {
		t.Errorf("got %s, want the troubles without the runs", machine.Body)
	}
}
