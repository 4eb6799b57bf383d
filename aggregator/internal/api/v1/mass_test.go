// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

func TestMassOperationsCountWhatTheyDid(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	for i, name := range []string{"jane", "john"} {
		w.Ask(http.MethodPost, "/api/v1/snapshots", map[string]any{
			"serial_number": fmt.Sprint("S", i), "source": map[string]any{"module": "test", "name": "test"},
			"principal_user": map[string]any{"source": map[string]any{"type": "COMPANY_PORTAL"}, "unique_id": fmt.Sprint("u", i), "principal_name": name},
		}).Want(http.StatusCreated)
	}
	for _, test := range []struct{ path, body, want string }{
		{"tags", `{"serial_numbers":["S0","S1","new"],"operations":[{"kind":"SET","taxonomy":"Site","names":["Hamburg"]}]}`, `{"machines":{"found":3},"tags":{"added":3,"removed":0}}`},
		{"tags", `{"principal_users":{"principal_names":["jane"],"unique_ids":["u0"]},"operations":[{"kind":"SET","taxonomy":"Site","names":[]},{"kind":"ADD","names":["x"]}]}`, `{"machines":{"found":1},"tags":{"added":1,"removed":1}}`},
		{"archive", `{"serial_numbers":["S0","S0","unknown"]}`, `{"current_machine_snapshots":1}`},
		{"prune", `{"serial_numbers":["S0","S1"]}`, `{"current_machine_snapshots":2,"machine_snapshot_commits":2,"machine_snapshots":2}`},
	} {
		got := strings.TrimSpace(string(w.Ask(http.MethodPost, "/api/v1/machines/"+test.path, test.body).Want(http.StatusOK).Body))
		if got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.path, test.body, got, test.want)
		}
	}
}

func TestMassOperationsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	add := `"operations":[{"kind":"ADD","names":["x"]}]`
	for _, test := range []struct{ path, body, field string }{
		{"tags", `{` + add + `}`, "serial_numbers"},
		{"tags", `{"serial_numbers":["S"],"principal_users":{},` + add + `}`, "serial_numbers"},
		{"tags", `{"serial_numbers":[" S"],` + add + `}`, "serial_numbers"},
		{"tags", `{"serial_numbers":["\u0000"],` + add + `}`, "serial_numbers"},
		{"tags", `{"principal_users":{},` + add + `}`, "principal_users"},
		{"tags", `{"principal_users":{"unique_ids":[""]},` + add + `}`, "principal_users.unique_ids"},
		{"tags", `{"serial_numbers":["S"],"operations":[]}`, "operations"},
		{"tags", `{"serial_numbers":["S"],"operations":[{"kind":"add","names":["x"]}]}`, "operations[0].kind"},
		{"tags", `{"serial_numbers":["S"],"operations":[{"kind":"SET","names":["x"]}]}`, "operations[0].taxonomy"},
		{"tags", `{"serial_numbers":["S"],"operations":[{"kind":"REMOVE","taxonomy":"t","names":["x"]}]}`, "operations[0].taxonomy"},
		{"tags", `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":[]}]}`, "operations[0].names"},
		{"tags", `{"serial_numbers":["S"],"operations":[` + strings.Repeat(`{},`, 1000) + `{}]}`, "operations"},
		{"tags", `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":["` + strings.Repeat(`a","`, 1000) + `a"]}]}`, "operations"},
		{"tags", `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":["` + strings.Repeat("x", 257) + `"]}]}`, "operations[0].names"},
		{"tags", `{"serial_numbers":["S"],"more":1,` + add + `}`, "more"},
		{"archive", `{}`, "serial_numbers"},
		{"prune", `{"serial_numbers":["` + strings.Repeat(`a","`, 1000) + `a"]}`, "serial_numbers"},
	} {
		problem := w.Ask(http.MethodPost, "/api/v1/machines/"+test.path, test.body).Want(http.StatusBadRequest).Object()
		if errors, _ := problem["errors"].(map[string]any); errors[test.field] == nil {
			t.Errorf("%s %.80s: got %v, want something about %s", test.path, test.body, problem, test.field)
		}
	}
}
