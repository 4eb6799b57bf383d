// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

// examples are the calls of the contract's documents, sent as they are printed there.
var examples = []struct {
	name string
	path string // below /api/inventory/
	body string
	// fleet makes the machines for which the printed numbers come out; with more there is one machine more that counts.
	fleet func(w *massWorld, more bool)
	// answers are what is printed, and what it is with one machine more.
	answers [2]string
}{
	{
		name: "1: tags by principal user",
		path: "machines/tags/",
		body: `{"principal_users":{"principal_names":["janeDoe","johnSmith"],"unique_ids":["max.mustermann@example.com"]},"operations":[{"kind":"SET","taxonomy":"Department","names":["IT"]},{"kind":"REMOVE","names":["Orange","Red"]},{"kind":"ADD","taxonomy":"Branch","names":["Hamburg"]},{"kind":"ADD","names":["Blue"]}]}`,
		fleet: func(w *massWorld, more bool) {
			w.used("A", "", "janeDoe")
			w.used("B", "max.mustermann@example.com", "max")
			w.used("C", "johnsmith", "janedoe") // letter for letter
			w.tag([]string{"A", "B"}, "Department", "IT")
			w.tag([]string{"A", "B", "C"}, "Branch", "Hamburg")
			w.tag([]string{"A", "C"}, "", "Red")
			if more {
				w.used("D", "u-1", "johnSmith")
				w.tag([]string{"D"}, "Department", "IT")
				w.tag([]string{"D"}, "", "Hamburg", "Red")
			}
		},
		answers: [2]string{
			`{"machines":{"found":2},"tags":{"added":2,"removed":1}}`,
			`{"machines":{"found":3},"tags":{"added":3,"removed":2}}`,
		},
	},
	{
		name:  "2: serial numbers under principal_users",
		path:  "machines/tags/",
		body:  `{"principal_users":["123456789","987654321"],"operations":[{"kind":"SET","taxonomy":"Department","names":["HR"]}]}`,
		fleet: departments,
		answers: [2]string{
			`{"machines":{"found":2},"tags":{"added":2,"removed":1}}`,
			`{"machines":{"found":2},"tags":{"added":2,"removed":2}}`,
		},
	},
	{
		name:  "3: serial numbers",
		path:  "machines/tags/",
		body:  `{"serial_numbers":["123456789","987654321"],"operations":[{"kind":"SET","taxonomy":"Department","names":["HR"]}]}`,
		fleet: departments,
		answers: [2]string{
			`{"machines":{"found":2},"tags":{"added":2,"removed":1}}`,
			`{"machines":{"found":2},"tags":{"added":2,"removed":2}}`,
		},
	},
	{
		name: "4: the older form",
		path: "machines/tags/",
		body: `{"principal_users":{"principal_names":["janeDoe","johnSmith"],"unique_ids":["max.mustermann@example.com"]},"tags":{"taxonomy 1":"tag1","taxonomy 2":null}}`,
		fleet: func(w *massWorld, more bool) {
			w.used("A", "", "janeDoe")
			w.used("B", "max.mustermann@example.com", "max")
			w.used("C", "u-1", "johnSmith")
			w.tag([]string{"C"}, "taxonomy 2", "tag2")
			if more {
				w.used("D", "u-2", "janeDoe")
				w.tag([]string{"D"}, "taxonomy 2", "tag3")
			}
		},
		answers: [2]string{
			`{"machines":{"found":3},"tags":{"added":3,"removed":1}}`,
			`{"machines":{"found":4},"tags":{"added":4,"removed":2}}`,
		},
	},
	{
		name: "6: archive",
		path: "machines/archive/",
		body: `{"serial_numbers":["0123456789"]}`,
		fleet: func(w *massWorld, more bool) {
			w.push("another", "rollcall", nil)
			if more {
				w.push("0123456789", "rollcall", nil)
			}
		},
		answers: [2]string{`{"current_machine_snapshots":0}`, `{"current_machine_snapshots":1}`},
	},
	{
		name: "7: prune",
		path: "machines/prune/",
		body: `{"serial_numbers":["0123456789"]}`,
		fleet: func(w *massWorld, more bool) {
			for i := range 13 { // two contents, one after the other and back
				w.push("0123456789", "rollcall", map[string]any{"system_info": map[string]any{"computer_name": fmt.Sprint("n", i%2)}})
			}
			w.push("another", "rollcall", nil)
			if more {
				w.push("0123456789", "second", nil)
			}
		},
		answers: [2]string{
			`{"current_machine_snapshots":1,"machine_snapshot_commits":13,"machine_snapshots":2}`,
			`{"current_machine_snapshots":2,"machine_snapshot_commits":14,"machine_snapshots":3}`,
		},
	},
}

// departments makes the machines of examples 2 and 3, one of which leaves another department; with more both do.
func departments(w *massWorld, more bool) {
	w.push("123456789", "rollcall", nil)
	w.push("987654321", "rollcall", nil)
	w.tag([]string{"987654321"}, "Department", "IT")
	if more {
		w.tag([]string{"123456789"}, "Department", "Sales")
	}
}

func TestDocumentedExamplesAnswerAsPrinted(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		for i, more := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/more=%t", e.name, more), func(t *testing.T) {
				t.Parallel()
				w := newMassWorld(t)
				e.fleet(w, more)
				got := strings.TrimSpace(string(w.Ask(http.MethodPost, "/api/inventory/"+e.path, e.body).Want(http.StatusOK).Body))
				if got != e.answers[i] {
					t.Errorf("got %s, want %s", got, e.answers[i])
				}
			})
		}
	}
}

// Example 5 has no body at all.
func TestDocumentedCleanupBeginsATask(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	answer := w.Ask(http.MethodPost, "/api/inventory/cleanup/", nil).Want(http.StatusCreated).Object()
	if want := fmt.Sprintf("/api/task_result/%s/", answer["task_id"]); answer["task_result_url"] != want {
		t.Errorf("got %v, want %s", answer, want)
	}
}

// massWorld is an aggregator with machines that come in through the open door.
type massWorld struct {
	*apitest.World
	t *testing.T
}

func newMassWorld(t *testing.T) *massWorld {
	t.Helper()
	return &massWorld{World: apitest.New(t, apitest.Options{}), t: t}
}

// push submits a tree.
func (w *massWorld) push(serial, source string, tree map[string]any) {
	w.t.Helper()
	whole := map[string]any{"serial_number": serial, "source": map[string]any{"module": "test." + source, "name": source}}
	for key, value := range tree {
		whole[key] = value
	}
	if a := w.Ask(http.MethodPost, "/api/v1/snapshots", whole); a.Status != http.StatusOK && a.Status != http.StatusCreated {
		w.t.Fatalf("push %s: %d %s", serial, a.Status, a.Body)
	}
}

// used submits a machine with a principal user.
func (w *massWorld) used(serial, uniqueID, principalName string) {
	w.t.Helper()
	w.push(serial, "rollcall", map[string]any{"principal_user": map[string]any{
		"source":    map[string]any{"type": "COMPANY_PORTAL", "properties": map[string]any{"tenant": "t-1"}},
		"unique_id": uniqueID, "principal_name": principalName, "display_name": "Somebody",
	}})
}

// tag gives machines tags, in a taxonomy unless that is "".
func (w *massWorld) tag(serials []string, taxonomy string, names ...string) {
	w.t.Helper()
	operation := map[string]any{"kind": "ADD", "names": names}
	if taxonomy != "" {
		operation["taxonomy"] = taxonomy
	}
	w.Ask(http.MethodPost, "/api/inventory/machines/tags/", map[string]any{
		"serial_numbers": serials, "operations": []any{operation},
	}).Want(http.StatusOK)
}

// tagsOf returns the names of a machine's tags.
func (w *massWorld) tagsOf(serial string) string {
	w.t.Helper()
	m, err := w.Store.Machine(w.t.Context(), serial)
	if err != nil {
		w.t.Fatal(err)
	}
	names := []string{}
	for _, tag := range m.Tags {
		names = append(names, tag.Name)
	}
	text, err := json.Marshal(names)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
