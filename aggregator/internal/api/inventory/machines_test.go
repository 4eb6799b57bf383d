// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const machinesPath = "/api/inventory/machines/"

func TestMassOperationsRefuseInTheContractsWords(t *testing.T) {
	t.Parallel()
	w := newMassWorld(t)
	operation := `"operations":[{"kind":"ADD","names":["a"]}]`
	long := strings.Repeat("x", 257)
	for _, test := range []struct{ path, body, want string }{
		{"tags/", `{"serial_numbers":["S"]}`, `{"operations":["This field is required."]}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[]}`, `{"operations":["This list may not be empty."]}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"set","taxonomy":"t","names":[]}]}`, `{"operations":{"0":{"kind":["\"set\" is not a valid choice."]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"names":["a"]}]}`, `{"operations":{"0":{"kind":["This field is required."]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"ADD"}]}`, `{"operations":{"0":{"names":["This field is required."]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":["a"]},{"kind":"ADD","names":["a"," "]}]}`, `{"operations":{"1":{"names":{"1":["This field may not be blank."]}}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"SET","names":["a"]}]}`, `{"operations":{"0":{"taxonomy":["This field is required for SET operations"]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"SET","taxonomy":null,"names":["a"]}]}`, `{"operations":{"0":{"taxonomy":["This field is required for SET operations"]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"REMOVE","taxonomy":"t","names":["a"]}]}`, `{"operations":{"0":{"taxonomy":["This field may not be set for REMOVE operations"]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"REMOVE","names":[]}]}`, `{"operations":{"0":{"names":["This list may not be empty for REMOVE operations"]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":[]}]}`, `{"operations":{"0":{"names":["This list may not be empty for ADD operations"]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"SET","taxonomy":"` + long + `","names":[]}]}`, `{"operations":{"0":{"taxonomy":["Ensure this field has no more than 256 characters."]}}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"SET","taxonomy":"","names":[]}]}`, `{"operations":{"0":{"taxonomy":["This field may not be blank."]}}}`},
		{"tags/", `{` + operation + `}`, `{"non_field_errors":["principal_users and serial_numbers cannot be both empty."]}`},
		{"tags/", `{"serial_numbers":[],` + operation + `}`, `{"serial_numbers":["This list may not be empty."]}`},
		{"tags/", `{"principal_users":{},` + operation + `}`, `{"principal_users":{"non_field_errors":["Unique ids and principal names cannot be both empty."]}}`},
		{"tags/", `{"principal_users":{"unique_ids":[],"principal_names":[]},` + operation + `}`, `{"principal_users":{"non_field_errors":["Unique ids and principal names cannot be both empty."]}}`},
		{"tags/", `{"principal_users":[],` + operation + `}`, `{"principal_users":["This list may not be empty."]}`},
		{"tags/", `{"principal_users":"jane",` + operation + `}`, `{"principal_users":{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}}`},
		{"tags/", `{"serial_numbers":["S"],"operations":["ADD"]}`, `{"operations":{"0":{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}}}`},
		{"tags/", `{"serial_numbers":["S"],"tags":{"t":true}}`, `{"tags":{"t":["Not a valid string."]}}`},
		{"tags/", `{"serial_numbers":["S"],"tags":{" ":"a"}}`, `{"tags":{" ":["This field may not be blank."]}}`},
		{"tags/", `{"serial_numbers":["S"],"tags":{}}`, `{"tags":["This dictionary may not be empty."]}`},
		{"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"ADD","names":["` + strings.Repeat(`a","`, 500) + `a"]},{"kind":"ADD","names":["` + strings.Repeat(`a","`, 499) + `a"]}]}`, `{"operations":["Ensure that all names together are no more than 1000."]}`},
		{"tags/", `{"serial_numbers":["S"],"tags":{` + manyTaxonomies(1001) + `}}`, `{"tags":["Ensure this field has no more than 1000 elements."]}`},
		{"archive/", `{}`, `{"serial_numbers":["This field is required."]}`},
		{"archive/", `{"serial_numbers":[]}`, `{"serial_numbers":["Ensure this field has at least 1 elements."]}`},
		{"archive/", `{"serial_numbers":["` + strings.Repeat(`a","`, 1000) + `a"]}`, `{"serial_numbers":["Ensure this field has no more than 1000 elements."]}`},
		{"prune/", `{"serial_numbers":["a",""]}`, `{"serial_numbers":{"1":["This field may not be blank."]}}`},
		{"prune/", `{"serial_numbers":null}`, `{"serial_numbers":["This field may not be null."]}`},
	} {
		if got := strings.TrimSpace(string(w.Ask(http.MethodPost, machinesPath+test.path, test.body).Want(http.StatusBadRequest).Body)); got != test.want {
			t.Errorf("%s %.80s: got %s, want %s", test.path, test.body, got, test.want)
		}
	}
	if machines := w.count("SELECT count(*) FROM machine"); machines != 0 {
		t.Errorf("%d machines came of refused requests", machines)
	}
}

// manyTaxonomies are members of the object of the older form.
func manyTaxonomies(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"t%d":null`, i)
	}
	return strings.Join(members, ",")
}

// count asks the database for a number.
func (w *massWorld) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.Pool.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestTagsOfMachinesFollowTheContract(t *testing.T) {
	t.Parallel()
	const all = `{"serial_numbers":["S"],"operations":[%s]}`
	for _, test := range []struct {
		name       string
		before     []string // operations, one request each
		operations string
		want       string // tags afterwards
		added      int
		removed    int
	}{
		{
			name: "the order of the payload does not matter", before: []string{`{"kind":"ADD","taxonomy":"D","names":["old"]}`},
			operations: `{"kind":"REMOVE","names":["x"]},{"kind":"ADD","names":["x"]},{"kind":"SET","taxonomy":"D","names":["new"]}`,
			want:       `["new"]`, added: 2, removed: 2,
		},
		{
			name: "what is there is not counted", before: []string{`{"kind":"ADD","taxonomy":"D","names":["a","b"]}`},
			operations: `{"kind":"SET","taxonomy":"D","names":["a"]},{"kind":"SET","taxonomy":"D","names":["b","b"]}`,
			want:       `["a","b"]`,
		},
		{
			name: "an empty SET clears", before: []string{`{"kind":"ADD","taxonomy":"D","names":["a","b"]},{"kind":"ADD","names":["c"]}`},
			operations: `{"kind":"SET","taxonomy":"D","names":[]},{"kind":"SET","taxonomy":"nobody's","names":[]}`,
			want:       `["c"]`, removed: 2,
		},
		{
			name: "a tag keeps its taxonomy", before: []string{`{"kind":"ADD","taxonomy":"E","names":["e"]}`, `{"kind":"REMOVE","names":["e"]}`, `{"kind":"ADD","taxonomy":"D","names":["d"]}`},
			operations: `{"kind":"SET","taxonomy":"D","names":["e"]}`,
			want:       `["e"]`, added: 1, removed: 1,
		},
		{
			name: "a tag is not moved, so the taxonomy that names it does not clear it", before: []string{`{"kind":"ADD","taxonomy":"E","names":["e"]}`},
			operations: `{"kind":"ADD","taxonomy":"D","names":["e"]},{"kind":"SET","taxonomy":"D","names":[]}`,
			want:       `["e"]`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newMassWorld(t)
			for _, before := range test.before {
				w.Ask(http.MethodPost, machinesPath+"tags/", fmt.Sprintf(all, before)).Want(http.StatusOK)
			}
			want := fmt.Sprintf(`{"machines":{"found":1},"tags":{"added":%d,"removed":%d}}`, test.added, test.removed)
			w.Ask(http.MethodPost, machinesPath+"tags/", fmt.Sprintf(all, test.operations)).Want(http.StatusOK).Says(want)
			if got := w.tagsOf("S"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTagsAreMadeWithoutMachinesAndMachinesWithoutReports(t *testing.T) {
	t.Parallel()
	w := newMassWorld(t)
	w.Ask(http.MethodPost, machinesPath+"tags/", `{"principal_users":{"unique_ids":["nobody"]},"operations":[{"kind":"ADD","taxonomy":"Site","names":["Hamburg"]},{"kind":"REMOVE","names":["never made"]}]}`).
		Want(http.StatusOK).Says(`{"machines":{"found":0},"tags":{"added":0,"removed":0}}`)
	if n := w.count("SELECT count(*) FROM tag t JOIN taxonomy x ON x.id = t.taxonomy WHERE t.name = 'Hamburg' AND x.name = 'Site' AND t.color = '0079bf'"); n != 1 {
		t.Errorf("got %d tags Hamburg, want 1", n)
	}
	w.Ask(http.MethodPost, machinesPath+"tags/", `{"serial_numbers":["older form"],"tags":{" Site ":"Hamburg"}}`).Want(http.StatusOK)
	if n := w.count("SELECT count(*) FROM taxonomy"); n != 1 {
		t.Errorf("got %d taxonomies, want 1: names have no space around them", n)
	}
	w.Ask(http.MethodPost, machinesPath+"tags/", `{"serial_numbers":["new","new"],"operations":[{"kind":"ADD","names":["Hamburg"]}]}`).
		Want(http.StatusOK).Says(`{"machines":{"found":1},"tags":{"added":1,"removed":0}}`)
	if n := w.count("SELECT count(*) FROM tag"); n != 1 {
		t.Errorf("got %d tags, want 1: REMOVE makes none", n)
	}
	w.Ask(http.MethodPost, machinesPath+"tags/", `{"serial_numbers":["new"],"operations":[{"kind":"ADD","names":["ham-burg", "Ham Burg"]}]}`).
		Want(http.StatusBadRequest).Says(`{"operations":["A tag with a conflicting slug already exists."]}`)
}

func TestEveryTaggedMachineIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	w := newMassWorld(t)
	w.push("A", "rollcall", nil)
	w.tag([]string{"A", "B"}, "", "x")
	w.tag([]string{"A", "B", "C"}, "", "x", "y") // of A and B only y is new
	if n := w.count("SELECT count(*) FROM audit WHERE action = 'tagged' AND object = 'machine' AND actor_name = 'admin'"); n != 5 {
		t.Errorf("got %d entries, want 5", n)
	}
	if n := w.count(`SELECT count(*) FROM audit WHERE object_name = 'B' AND before::text = '{"tags":["x"]}' AND after::text = '{"tags":["x","y"]}'`); n != 1 {
		t.Errorf("got %d entries of B's second change, want 1", n)
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'tag'"); n != 5 {
		t.Errorf("got %d rows in the journal, want 5", n)
	}
	if n := w.count("SELECT generation FROM check_generation"); n != 3 {
		t.Errorf("got generation %d, want 3: raised once by each request that changed a reporting machine", n)
	}
	w.tag([]string{"A", "B", "C"}, "", "x", "y")
	if n := w.count("SELECT count(*) FROM audit WHERE action = 'tagged'"); n != 5 {
		t.Errorf("got %d entries after a request that changed nothing, want 5", n)
	}
}

func TestMetaMachine(t *testing.T) {
	t.Parallel()
	w := newMassWorld(t)
	w.push("S/1", "munki", map[string]any{
		"os_version": map[string]any{"name": "macOS", "major": 15}, "system_info": map[string]any{"computer_name": "mbp-7", "hardware_model": "MacBookPro18,3"},
	})
	w.push("bare", "munki", nil)
	w.tag([]string{"S/1"}, "", "b", "A")
	w.Ask(http.MethodGet, machinesPath+".Uy8x/meta/", nil).Want(http.StatusOK).
		Says(`{"serial_number":"S/1","urlsafe_serial_number":".Uy8x","computer_name":"mbp-7","platform":"MACOS","type":"LAPTOP","tags":[{"id":1,"name":"A"},{"id":2,"name":"b"}]}`)
	w.Ask(http.MethodGet, machinesPath+"bare/meta/", nil).Want(http.StatusOK).
		Says(`{"serial_number":"bare","urlsafe_serial_number":"bare","computer_name":null,"platform":null,"type":null,"tags":[]}`)
	w.tag([]string{"only tagged"}, "", "b")
	w.Ask(http.MethodPost, machinesPath+"archive/", `{"serial_numbers":["bare"]}`).Want(http.StatusOK)
	for _, serial := range []string{"unknown", "bare", api.URLSafeSerial("only tagged"), ".%21"} {
		w.Ask(http.MethodGet, machinesPath+serial+"/meta/", nil).Want(http.StatusNotFound).Says(`{"detail":"Not found."}`)
	}
}

func TestWhoIsLimitedToTagsReachesNoOtherMachine(t *testing.T) {
	t.Parallel()
	w := newMassWorld(t)
	for _, serial := range []string{"in", "out"} {
		w.used(serial, "u", "jane")
	}
	w.tag([]string{"in"}, "", "mine")
	token := w.TokenFor(apitest.Role{Tags: []int64{int64(w.count("SELECT id FROM tag WHERE name = 'mine'"))}, Permissions: []auth.Permission{
		"inventory.add_tag", "inventory.add_taxonomy", "inventory.add_machinetag", "inventory.delete_machinetag",
		auth.ReadInventory, auth.ChangeInventory, auth.DeleteInventory,
	}})
	machines := w.count("SELECT count(*) FROM machine")
	for _, door := range []string{"/api/inventory/machines/%s/", "/api/v1/machines/%s"} {
		post := func(operation, body, want string) {
			t.Helper()
			w.AskAs(token, http.MethodPost, fmt.Sprintf(door, operation), body).Want(http.StatusOK).Says(want)
		}
		add := fmt.Sprintf(`"operations":[{"kind":"ADD","names":["more %d"]}]`, len(door))
		post("tags", `{"serial_numbers":["in","out","new"],`+add+`}`, `{"machines":{"found":1},"tags":{"added":1,"removed":0}}`)
		post("tags", `{"principal_users":{"unique_ids":["u"],"principal_names":["jane"]},`+add+`}`, `{"machines":{"found":1},"tags":{"added":0,"removed":0}}`)
		post("archive", `{"serial_numbers":["out"]}`, `{"current_machine_snapshots":0}`)
		post("prune", `{"serial_numbers":["out"]}`, `{"current_machine_snapshots":0,"machine_snapshot_commits":0,"machine_snapshots":0}`)
	}
	if n := w.count("SELECT count(*) FROM machine"); n != machines {
		t.Errorf("got %d machines, want %d: who is limited puts none into the registry", n, machines)
	}
	w.AskAs(token, http.MethodGet, machinesPath+"in/meta/", nil).Want(http.StatusOK)
	outside := w.AskAs(token, http.MethodGet, machinesPath+"out/meta/", nil).Want(http.StatusNotFound)
	if unknown := w.AskAs(token, http.MethodGet, machinesPath+"new/meta/", nil).Want(http.StatusNotFound); string(unknown.Body) != string(outside.Body) {
		t.Errorf("got %s outside and %s unknown, want the same", outside.Body, unknown.Body)
	}
	w.AskAs(token, http.MethodPost, "/api/inventory/cleanup/", nil).Want(http.StatusForbidden)
	w.Ask(http.MethodGet, machinesPath+"out/meta/", nil).Want(http.StatusOK)
	w.AskAs(token, http.MethodPost, machinesPath+"prune/", `{"serial_numbers":["in"]}`).Want(http.StatusOK).Says(`{"current_machine_snapshots":1,`)
}

func TestTagsDecideAtOnceWhichChecksApply(t *testing.T) {
	t.Parallel()
	w := newMassWorld(t)
	w.push("S", "rollcall", map[string]any{"os_version": map[string]any{"name": "Debian", "major": 12}})
	w.tag([]string{"other"}, "", "checked")
	tag := w.count("SELECT id FROM tag WHERE name = 'checked'")
	w.Ask(http.MethodPost, "/api/v1/checks", map[string]any{
		"name": "c", "source_name": "rollcall", "tags": []int{tag}, "jmespath_expression": "os_version.major == `12`",
	}).Want(http.StatusCreated)
	statuses := func(want int) {
		t.Helper()
		if got := w.Ask(http.MethodGet, "/api/v1/checks/1/statuses", nil).Want(http.StatusOK).List("statuses"); len(got) != want {
			t.Errorf("got %v, want %d statuses", got, want)
		}
	}
	statuses(0)
	w.tag([]string{"S"}, "", "checked")
	statuses(1)
	w.Ask(http.MethodPost, machinesPath+"tags/", `{"serial_numbers":["S"],"operations":[{"kind":"REMOVE","names":["checked"]}]}`).Want(http.StatusOK)
	statuses(0)
}

// text asks the database for a text.
func (w *massWorld) text(sql string) (text string) {
	w.t.Helper()
	if err := w.Pool.QueryRow(w.t.Context(), sql).Scan(&text); err != nil {
		w.t.Fatal(err)
	}
	return text
}
