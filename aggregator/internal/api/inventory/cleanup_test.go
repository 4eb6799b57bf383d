// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"bytes"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// cleanedTables are those that the contract's result of a cleanup names.
const cleanedTables = `machine_snapshot_commit inventory_machinesnapshot inventory_puppetnode inventory_principaluser
inventory_systeminfo inventory_teamviewer inventory_osversion inventory_androidapp inventory_debpackage inventory_iosapp
inventory_programinstance inventory_program inventory_machinegroup inventory_link inventory_disk inventory_networkinterface
inventory_osxappinstance inventory_osxapp inventory_profile_payloads inventory_payload inventory_profile
inventory_certificate inventory_ec2instancemetadata inventory_ec2instancetag`

func TestCleanupTakesFormsAndWords(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	const path = "/api/inventory/cleanup/"
	send := func(contentType, body string) apitest.Answer {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", "Token "+w.Tokens[auth.Admin])
		return w.Send(r)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	if err := parts.WriteField("days", "17"); err != nil {
		t.Fatal(err)
	}
	parts.Close()
	for _, test := range []struct {
		contentType, body string
		status            int
		want              string
	}{
		{"application/json", `{"days":3660}`, http.StatusCreated, `"task_id"`},
		{"application/x-www-form-urlencoded", "days=1", http.StatusCreated, `"task_id"`},
		{parts.FormDataContentType(), form.String(), http.StatusCreated, `"task_id"`},
		{"application/x-www-form-urlencoded", "days=", http.StatusCreated, `"task_id"`},
		{"application/json", `{"days":3661}`, http.StatusBadRequest, `{"days":["Ensure this value is less than or equal to 3660."]}`},
		{"application/x-www-form-urlencoded", "days=0", http.StatusBadRequest, `{"days":["Ensure this value is greater than or equal to 1."]}`},
		{"application/json", `{"days":"many"}`, http.StatusBadRequest, `{"days":["A valid integer is required."]}`},
		{"multipart/form-data", "x", http.StatusBadRequest, `Multipart form parse error`},
		{"text/plain", "x", http.StatusUnsupportedMediaType, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
	} {
		send(test.contentType, test.body).Want(test.status).Says(test.want)
	}
}

func TestCleanupDeletesOldHistoryAndSaysSo(t *testing.T) {
	t.Parallel()
	w := &massWorld{World: apitest.New(t, apitest.Options{Tasks: true}), t: t}
	for i := range 4 {
		w.push("S", "rollcall", map[string]any{"system_info": map[string]any{"computer_name": fmt.Sprint("n", i)}})
	}
	// Last week has its partition: what is two days old has one, whatever the day.
	if _, err := w.Pool.Exec(t.Context(), "UPDATE change SET at = at - interval '2 days' WHERE seq < 3"); err != nil {
		t.Fatal(err)
	}
	id, _ := w.Ask(http.MethodPost, "/api/inventory/cleanup/", `{"days":1}`).Want(http.StatusCreated).Object()["task_id"].(string)
	if task := w.Await(id); task.Status != store.TaskSuccess {
		t.Fatalf("got %s: %s", task.Status, task.Err)
	}
	answer := w.Ask(http.MethodGet, "/api/task_result/"+id+"/", nil).Want(http.StatusOK).
		Says(`"name":"zentral.contrib.inventory.tasks.cleanup_inventory"`).Says(`"rowcount":2,`).Object()
	result, _ := answer["result"].(map[string]any)
	tables, _ := result["tables"].(map[string]any)
	if got := slices.Sorted(maps.Keys(tables)); !slices.Equal(got, slices.Sorted(slices.Values(strings.Fields(cleanedTables)))) {
		t.Errorf("got the tables %q", got)
	}
	if result["days"] != 1.0 || answer["download_url"] != nil {
		t.Errorf("got %v", answer)
	}
	if n := w.count("SELECT count(*) FROM change"); n != 2 {
		t.Errorf("%d changes are left, want 2", n)
	}
	if n := w.count("SELECT count(*) FROM audit WHERE action = 'cleaned' AND actor_name = 'admin'"); n != 1 {
		t.Errorf("got %d entries in the audit log, want 1", n)
	}
	w.Ask(http.MethodGet, "/api/v1/machines/S/snapshot?at="+w.text("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '25 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"), nil).
		Want(http.StatusNotFound) // the head is younger than that
	if _, err := w.Pool.Exec(t.Context(), "UPDATE head SET first_at = first_at - interval '2 days'"); err != nil {
		t.Fatal(err)
	}
	w.Ask(http.MethodGet, "/api/v1/machines/S/snapshot?at="+w.text("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '25 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"), nil).
		Want(http.StatusGone)
}
