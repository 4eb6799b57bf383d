// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// errBroken is of the store, and nobody's business outside.
var errBroken = errors.New("broken")

// letters has the objects 1 to 3, whose names are "a", "b" and "a"; number 2 is in use. What is written is refused for
// the reason given.
func letters(refused error) Resource[string] {
	all := []string{"a", "b", "a"}
	return Resource[string]{
		App: "test", Model: "letter", Object: "BigLetter", Label: "big letter", View: "Big Letter",
		Fields: Fields{"name": {Type: "string"}},
		List: ByName(func(_ context.Context, name string) (found []string, err error) {
			for _, letter := range all {
				if name == "" || letter == name {
					found = append(found, letter)
				}
			}
			return found, nil
		}),
		Get: func(_ context.Context, id int64) (string, error) {
			switch {
			case id == 500:
				return "", errBroken
			case id < 1 || id > int64(len(all)):
				return "", fmt.Errorf("letter %d: %w", id, store.ErrNotFound)
			}
			return all[id-1], nil
		},
		Create: func(_ context.Context, body *Object) (string, error) {
			name, _ := body.Text("name", Text{})
			return name, errors.Join(body.Err(), refused)
		},
		Update: func(_ context.Context, _ int64, body *Object) (string, error) {
			name, _ := body.Text("name", Text{})
			return name, errors.Join(body.Err(), refused)
		},
		Remove: func(_ context.Context, id int64) error {
			return map[int64]error{1: nil, 2: store.ErrInUse, 3: store.ErrNotFound}[id]
		},
		Show: func(_ *http.Request, letter *string) any { return map[string]string{"letter": *letter} },
		Refuse: func(refused *store.FieldError, body *Object) {
			if refused.Field == "inside" {
				body.Fail("inside", "Noted.")
			}
		},
	}
}

// ask returns what the client is told, after the status.
func ask(t *testing.T, handle api.Handler, req *http.Request) string {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := handle(rec, req); err != nil {
		problem, ok := errors.AsType[*api.Problem](err)
		if !ok {
			return err.Error()
		}
		rec = httptest.NewRecorder()
		Write(rec, req, problem)
	}
	return strings.TrimSpace(fmt.Sprint(rec.Code, " ", rec.Body.String()))
}

func request(t *testing.T, query, pk, body string) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+query, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.SetPathValue("pk", pk)
	return req
}

func TestResourcesAreListedByName(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                     `200 [{"letter":"a"},{"letter":"b"},{"letter":"a"}]`,
		"?name=":               `200 [{"letter":"a"},{"letter":"b"},{"letter":"a"}]`,
		"?name=a":              `200 [{"letter":"a"},{"letter":"a"}]`,
		"?name=a&name=b&x=y":   `200 [{"letter":"b"}]`,
		"?name=A":              `200 []`,
		"?name=%FF":            `200 []`,
		"?name=a%00":           `400 {"name":["Null characters are not allowed."]}`,
		"?name=%00&name=b":     `200 [{"letter":"b"}]`,
		"?name=b&name=%FF%00c": `400 {"name":["Null characters are not allowed."]}`,
	} {
		if got := ask(t, letters(nil).GetList, request(t, query, "", "")); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestPathsOfResourcesNameObjects(t *testing.T) {
	t.Parallel()
	const unknown, noMatch = `404 {"detail":"Not found."}`, `404 {"detail":"No BigLetter matches the given query."}`
	for _, test := range []struct{ pk, got, put, deleted string }{
		{"1", `200 {"letter":"a"}`, `200 {"letter":"z"}`, "204"},
		{"002", `200 {"letter":"b"}`, `200 {"letter":"z"}`, `400 ["This big letter cannot be deleted"]`},
		{"3", `200 {"letter":"a"}`, `200 {"letter":"z"}`, noMatch}, // gone meanwhile
		{"4", noMatch, noMatch, "204"},
		{"99999999999999999999", noMatch, noMatch, noMatch},
		{"", unknown, unknown, unknown},
		{"-1", unknown, unknown, unknown},
		{"1x", unknown, unknown, unknown},
		{"500", "broken", "broken", "204"},
	} {
		r, body := letters(nil), `{"name":"z"}`
		for method, is := range map[string][2]string{
			"GET":    {ask(t, r.GetOne, request(t, "", test.pk, "")), test.got},
			"PUT":    {ask(t, r.Put, request(t, "", test.pk, body)), test.put},
			"DELETE": {ask(t, r.Delete, request(t, "", test.pk, "")), test.deleted},
		} {
			if is[0] != is[1] {
				t.Errorf("%s %q: got %s, want %s", method, test.pk, is[0], is[1])
			}
		}
	}
	if got := ask(t, letters(nil).Put, request(t, "", "4", `{`)); got != noMatch {
		t.Errorf("the body comes before the path: %s", got)
	}
}

func TestRefusalsOfTheStoreAreWorded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		body    string
		refused error
		want    string // "": created
	}{
		{`{"name":"z"}`, nil, ""},
		{`{}`, nil, `400 {"name":["This field is required."]}`},
		{`[]`, nil, `400 {"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		{`{"name":"a"}`, &store.FieldError{Field: "name", Err: store.ErrExists}, `400 {"name":["big letter with this name already exists."]}`},
		{`{"name":"a","font":"7"}`, &store.FieldError{Field: "font", Err: store.ErrNoSuch}, `400 {"font":["Invalid pk \"7\" - object does not exist."]}`},
		{`{"name":"a"}`, &store.FieldError{Field: "inside", Err: store.ErrNoSuch}, `400 {"inside":["Noted."]}`},
		{`{"name":"a"}`, &store.FieldError{Field: "name", Err: store.ErrSlugTaken}, `name: the slug is taken`},
		{`{"name":"a"}`, store.ErrNotFound, `404 {"detail":"No BigLetter matches the given query."}`},
		{`{"name":"a"}`, errBroken, `broken`},
	} {
		r := letters(test.refused)
		created, changed := ask(t, r.Post, request(t, "", "", test.body)), ask(t, r.Put, request(t, "", "1", test.body))
		want := [2]string{test.want, test.want}
		if test.want == "" {
			want = [2]string{`201 {"letter":"z"}`, `200 {"letter":"z"}`}
		}
		if created != want[0] || changed != want[1] {
			t.Errorf("%s, %v: got %s and %s, want %s", test.body, test.refused, created, changed, want)
		}
	}
}

func TestResourcesTellTheFieldsThatTheCallerMaySend(t *testing.T) {
	t.Parallel()
	const common = `,"description":"","renders":["application/json"],"parses":["application/json"]`
	fields := `{"name":{"type":"string","required":false,"read_only":false}}`
	list, one := `200 {"name":"Big Letter List"`+common, `200 {"name":"Big Letter Detail"`+common
	r := letters(nil)
	for _, test := range []struct {
		permission auth.Permission
		scope      auth.Scope
		handle     api.Handler
		pk, want   string
	}{
		{"test.add_letter", auth.Scope{}, r.DescribeList, "", list + `,"actions":{"POST":` + fields + `}}`},
		{"test.change_letter", auth.Scope{}, r.DescribeList, "", list + `}`},
		{"test.add_letter", auth.Scope{Tags: []int64{1}}, r.DescribeList, "", list + `}`},
		{"test.change_letter", auth.Scope{}, r.DescribeOne, "1", one + `,"actions":{"PUT":` + fields + `}}`},
		{"test.add_letter", auth.Scope{}, r.DescribeOne, "1", one + `}`},
		{"test.change_letter", auth.Scope{}, r.DescribeOne, "4", one + `}`},
		{"test.change_letter", auth.Scope{}, r.DescribeOne, "500", "broken"},
	} {
		principal := auth.Principal{Grants: []auth.Grant{{Permissions: auth.SetOf(test.permission), Scope: test.scope}}}
		req := request(t, "", test.pk, "")
		if got := ask(t, test.handle, req.WithContext(auth.WithPrincipal(req.Context(), principal))); got != test.want {
			t.Errorf("%s %+v %q: got %s, want %s", test.permission, test.scope, test.pk, got, test.want)
		}
	}
}
