// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inventory_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// objectRoutes are the paths of the objects, what a body of each takes at least, and how it is called in errors.
var objectRoutes = []struct {
	path, body, object, permission string
	admins                         bool // operators may not change them
}{
	{"/api/inventory/meta_business_units/", `{"name":%q}`, "MetaBusinessUnit", "metabusinessunit", true},
	{"/api/inventory/tags/", `{"name":%q}`, "Tag", "tag", false},
	{"/api/inventory/taxonomies/", `{"name":%q}`, "Taxonomy", "taxonomy", false},
	{"/api/inventory/jmespath_checks/", `{"name":%q,"source_name":"s","jmespath_expression":"ok"}`, "JMESPathCheck", "jmespathcheck", false},
}

// exactly fails the test unless the body is that text, but for the newline at its end.
func exactly(t *testing.T, a apitest.Answer, want string) {
	t.Helper()
	if got := strings.TrimSpace(string(a.Body)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestObjectsAnswerAsTheIndexSays(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	for _, o := range objectRoutes {
		t.Run(o.object, func(t *testing.T) {
			exactly(t, w.Ask(http.MethodGet, o.path+"?limit=1&surprise=2", nil).Want(200), "[]")
			first := w.Ask(http.MethodPost, o.path, fmt.Sprintf(o.body, "b")).Want(201).Object()
			w.Ask(http.MethodPost, o.path, fmt.Sprintf(o.body, "a")).Want(201)
			var list []map[string]any
			raw := w.Ask(http.MethodGet, o.path, nil).Want(200).Body
			if err := json.Unmarshal(raw, &list); err != nil || len(list) != 2 {
				t.Fatalf("got %s", raw)
			}
			if o.object != "JMESPathCheck" && list[0]["name"] != "a" { // checks go by id
				t.Errorf("the list begins with %v", list[0])
			}
			one := fmt.Sprint(o.path, first["id"], "/")
			w.Ask(http.MethodGet, one, nil).Want(200).Says(`"name":"b"`)
			exactly(t, w.Ask(http.MethodGet, o.path+"?name=B", nil).Want(200), "[]")
			exactly(t, w.Ask(http.MethodGet, o.path+"?name=%00", nil).Want(400), `{"name":["Null characters are not allowed."]}`)
			w.Ask(http.MethodPut, one, fmt.Sprintf(o.body, "c")).Want(200).Says(`"name":"c"`)
			w.Ask(http.MethodHead, one, nil).Want(200)
			w.Ask(http.MethodHead, o.path, nil).Want(200)
			if got := w.Ask(http.MethodDelete, one, nil).Want(204).Body; len(got) != 0 {
				t.Errorf("got %s", got)
			}
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				exactly(t, w.Ask(method, one, nil).Want(404), `{"detail":"No `+o.object+` matches the given query."}`)
			}
			exactly(t, w.Ask(http.MethodPut, one, "[]").Want(404), `{"detail":"No `+o.object+` matches the given query."}`)
			exactly(t, w.Ask(http.MethodGet, o.path+"99999999999999999999/", nil).Want(404), `{"detail":"No `+o.object+` matches the given query."}`)
			exactly(t, w.Ask(http.MethodGet, o.path+"none/", nil).Want(404), `{"detail":"Not found."}`)
		})
	}
}

func TestObjectsAskWhoItIsFirst(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	const anonymous, forbidden = `{"detail":"Authentication credentials were not provided."}`, `{"detail":"You do not have permission to perform this action."}`
	for _, o := range objectRoutes {
		one := o.path + "7/"
		for _, row := range []struct{ method, path string }{
			{"GET", o.path},
			{"POST", o.path},
			{"OPTIONS", o.path},
			{"PATCH", o.path},
			{"DELETE", o.path},
			{"GET", one},
			{"PUT", one},
			{"DELETE", one},
			{"OPTIONS", one},
			{"PATCH", one},
			{"POST", one},
		} {
			a := w.AskAs("", row.method, row.path, nil).Want(401)
			exactly(t, a, anonymous)
			if got := a.Header.Get("WWW-Authenticate"); got != "Token" {
				t.Errorf("%s %s: WWW-Authenticate is %q", row.method, row.path, got)
			}
		}
		for _, row := range []struct{ method, path string }{{"POST", o.path}, {"PUT", one}, {"DELETE", one}} {
			exactly(t, w.AskAs(w.Tokens[auth.Viewer], row.method, row.path, "nonsense").Want(403), forbidden)
			if o.admins {
				exactly(t, w.AskAs(w.Tokens[auth.Operator], row.method, row.path, "nonsense").Want(403), forbidden)
			}
		}
		for _, path := range []string{o.path, one} {
			exactly(t, w.Ask(http.MethodPatch, path, "{}").Want(405), `{"detail":"Method \"PATCH\" not allowed."}`)
		}
		bearer := apitest.Request(t, http.MethodGet, o.path, nil)
		bearer.Header.Set("Authorization", "Bearer "+w.Tokens[auth.Admin])
		exactly(t, w.Send(bearer).Want(401), anonymous)
		text := apitest.Request(t, http.MethodPost, o.path, "{}")
		text.Header.Set("Authorization", "token "+w.Tokens[auth.Admin])
		text.Header.Set("Content-Type", "text/plain")
		exactly(t, w.Send(text).Want(415), `{"detail":"Unsupported media type \"text/plain\" in request."}`)
		w.Ask(http.MethodPost, o.path, `{"name":`).Want(400).Says(`{"detail":"JSON parse error - `)
	}
}

func TestPathsWithoutTheirSlash(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	for _, path := range []string{"/api/inventory/tags", "/api/inventory/jmespath_checks/7"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			rec := w.AskAs("", method, path+"?name=a", nil)
			if location := rec.Header.Get("Location"); rec.Status != 301 || location != path+"/?name=a" {
				t.Errorf("%s %s: got %d to %q", method, path, rec.Status, location)
			}
		}
		rec := httptest.NewRecorder() // the description's router takes both for one path
		w.Mux.ServeHTTP(rec, apitest.Request(t, http.MethodPost, path, "{}"))
		if got := strings.TrimSpace(rec.Body.String()); rec.Code != 404 || got != `{"detail":"Not found."}` {
			t.Errorf("POST %s: got %d %s", path, rec.Code, got)
		}
	}
	exactly(t, w.Ask(http.MethodGet, "/api/inventory/tags/7/more/", nil).Want(404), `{"detail":"Not found."}`)
}

func TestObjectsAreRefusedInTheContractsWords(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	const units, tags, taxonomies = "/api/inventory/meta_business_units/", "/api/inventory/tags/", "/api/inventory/taxonomies/"
	long := strings.Repeat("x", 257)
	steps := []struct {
		method, path, body string
		status             int
		want               string // "": whatever
	}{
		{"POST", units, `{"name":"HQ","api_enrollment_enabled":true}`, 201, ""},
		{"POST", units, `{"name":"HQ"}`, 400, `{"name":["meta business unit with this name already exists."]}`},
		{"PUT", units + "1/", `{"name":"HQ","api_enrollment_enabled":false}`, 400, `{"api_enrollment_enabled":["Cannot disable API enrollment"]}`},
		{"POST", units, `{"api_enrollment_enabled":"maybe"}`, 400, `{"api_enrollment_enabled":["Must be a valid boolean."],"name":["This field is required."]}`},
		{"PUT", units + "1/", `{"name":"HQ 1"}`, 200, ""}, // what is left out stays
		{"POST", units, `{"name":"Lab"}`, 201, ""},
		{"PUT", units + "3/", `{"name":"HQ 1"}`, 400, `{"name":["meta business unit with this name already exists."]}`},

		{"POST", taxonomies, `{"name":"Site","meta_business_unit":1}`, 201, ""},
		{"POST", taxonomies, `{"name":"Site"}`, 400, `{"name":["taxonomy with this name already exists."]}`},
		{"POST", taxonomies, `{"name":"` + long + `"}`, 400, `{"name":["Ensure this field has no more than 256 characters."]}`},
		{"POST", taxonomies, `{"name":"x","meta_business_unit":9}`, 400, `{"meta_business_unit":["Invalid pk \"9\" - object does not exist."]}`},
		{"DELETE", units + "1/", ``, 400, `["This meta business unit cannot be deleted"]`},

		{"POST", tags, `{"name":"Prod EU","taxonomy":1,"color":"ff0000"}`, 201, `{"id":1,"taxonomy":1,"meta_business_unit":null,"name":"Prod EU","slug":"prod-eu","color":"ff0000"}`},
		{"POST", tags, `{"name":"Prod EU"}`, 400, `{"name":["tag with this name already exists."]}`},
		{"POST", tags, `{"name":"prod-eu"}`, 400, `{"name":["A tag with a conflicting slug already exists."]}`},
		{"POST", tags, `{"name":"x","color":"ff000"}`, 400, `{"color":["#ff000 is not a valid color."]}`},
		{"POST", tags, `{"name":"x","color":"ff00000"}`, 400, `{"color":["#ff00000 is not a valid color.","Ensure this field has no more than 6 characters."]}`},
		{"POST", tags, `{"name":"x","taxonomy":9}`, 400, `{"taxonomy":["Invalid pk \"9\" - object does not exist."]}`},
		{"POST", tags, `{"name":"x","taxonomy":"one"}`, 400, `{"taxonomy":["Incorrect type. Expected pk value, received str."]}`},
		{"POST", tags, `{"name":" "}`, 400, `{"name":["This field may not be blank."]}`},
		{"POST", tags, `{"name":null,"color":null}`, 400, `{"color":["This field may not be null."],"name":["This field may not be null."]}`},
		{"POST", tags, `[]`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		{"POST", tags, ``, 400, `{"name":["This field is required."]}`},
		{"POST", tags, `{"name":"日本","id":77,"slug":"mine","surprise":1}`, 201, ""}, // unknown and read-only keys are ignored
		{"POST", tags, `{"name":"中国"}`, 201, ""},                                    // names without a slug do not get into each other's way
		{"GET", tags + "77/", ``, 404, `{"detail":"No Tag matches the given query."}`},
	}
	for _, step := range steps {
		a := w.Ask(step.method, step.path, step.body)
		if a.Status != step.status {
			t.Fatalf("%s %s %s: got %d %s", step.method, step.path, step.body, a.Status, a.Body)
		}
		if step.want != "" {
			exactly(t, a, step.want)
		}
	}
	w.Ask(http.MethodGet, units+"1/", nil).Want(200).Says(`"api_enrollment_enabled":true`)
}

func TestOptionsTellOfTheFieldsThatOneMaySend(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	const path = "/api/inventory/tags/"
	w.Ask(http.MethodPost, path, `{"name":"a"}`).Want(201)
	list := w.Ask(http.MethodOptions, path, nil).Want(200).Object()
	name := list["actions"].(map[string]any)["POST"].(map[string]any)["name"].(map[string]any)
	if list["name"] != "Tag List" || name["type"] != "string" || name["required"] != true || name["read_only"] != false || name["label"] != "Name" {
		t.Errorf("got %v", list)
	}
	one := w.Ask(http.MethodOptions, path+"1/", nil).Want(200).Object()
	if _, ok := one["actions"].(map[string]any)["PUT"]; !ok || one["name"] != "Tag Detail" {
		t.Errorf("got %v", one)
	}
	for _, ask := range []apitest.Answer{
		w.AskAs(w.Tokens[auth.Viewer], http.MethodOptions, path, nil), w.Ask(http.MethodOptions, path+"9/", nil),
	} {
		if got := ask.Want(200).Object(); got["actions"] != nil {
			t.Errorf("got actions that are not possible: %v", got)
		}
	}
	for _, o := range objectRoutes {
		w.Ask(http.MethodOptions, o.path, nil).Want(200).Says(`"POST"`)
	}
}
