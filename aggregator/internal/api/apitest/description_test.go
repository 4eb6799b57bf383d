// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

func TestEveryRouteIsDescribedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	doc := w.Description()
	if err := doc.Validate(t.Context()); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Fatalf("%s: %v", doc.OpenAPI, err)
	}
	var described, routes []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for _, route := range w.Doors.Routes {
		routes = append(routes, route.Pattern)
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes    %v\ndescribed %v", routes, described)
	}
}

// TestDescriptionsSayWhatItTakes holds each operation against its row of the route table.
func TestDescriptionsSayWhatItTakes(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Unindexed: true})
	doc := w.Description()
	ids := map[string]string{}
	for _, route := range w.Doors.Routes {
		method, path, _ := strings.Cut(route.Pattern, " ")
		t.Run(route.Pattern, func(t *testing.T) {
			o := doc.Paths.Value(path).GetOperation(method)
			if o.OperationID == "" || ids[o.OperationID] != "" {
				t.Errorf("operationId %q is empty, or that of %s", o.OperationID, ids[o.OperationID])
			}
			ids[o.OperationID] = route.Pattern
			if o.Summary == "" {
				t.Error("no summary")
			}
			checkAccess(t, route, o)
			checkBodies(t, method, path, o)
		})
	}
}

// needs is how a description says what a route takes.
var needs = regexp.MustCompile(`Needs the permissions? ((?:[a-z_]+\.[a-z_]+(?:, | and )?)+)`)

// checkAccess compares who may with who is said to.
func checkAccess(t *testing.T, route api.Route, o *openapi3.Operation) {
	t.Helper()
	asks := len(route.Needs) > 0
	if open := o.Security != nil && len(*o.Security) == 0; open && asks {
		t.Error("described as open to everybody")
	}
	if asks && (o.Responses.Value("401") == nil || o.Responses.Value("403") == nil) {
		t.Error("401 or 403 is not described")
	}
	var said, want []string
	for _, found := range needs.FindAllStringSubmatch(o.Description, -1) {
		said = append(said, regexp.MustCompile(`, | and `).Split(found[1], -1)...)
	}
	if asks && !signedIn(route) {
		for _, p := range route.Needs {
			want = append(want, string(p))
		}
	}
	slices.Sort(said)
	slices.Sort(want)
	if !slices.Equal(said, want) {
		t.Errorf("the description says %v, want %v: %q", said, want, o.Description)
	}
	if signedIn(route) && o.Description == "" {
		t.Error("the description does not say who may")
	}
}

// bodiless are requests that change something and say all of it in the address.
var bodiless = regexp.MustCompile(`^/api/inventory/(machines/export(_[a-z_]+)?|full_export)/$|^/api/v1/(probes/\{id\}/(secret|test)|sinks/\{name\}/enable|dead_letters/\{id\}/replay)$`)

func checkBodies(t *testing.T, method, path string, o *openapi3.Operation) {
	t.Helper()
	switch {
	case o.RequestBody != nil:
		checkContent(t, "request", o.RequestBody.Value.Content)
	case slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, method) && !bodiless.MatchString(path):
		t.Error("no body is described")
	}
	success := 0
	for status, response := range o.Responses.Map() {
		checkContent(t, status, response.Value.Content)
		if strings.HasPrefix(status, "2") {
			success++
			if status != "204" && len(response.Value.Content) == 0 {
				t.Errorf("%s: no content is described", status)
			}
		}
	}
	if success == 0 {
		t.Error("no success is described")
	}
}

// files are media types whose content no schema describes.
var files = []string{"application/octet-stream", "application/x-sh"}

// checkContent wants a schema that says something.
func checkContent(t *testing.T, where string, content openapi3.Content) {
	t.Helper()
	for media, described := range content {
		if slices.Contains(files, media) {
			continue
		}
		if described.Schema == nil || described.Schema.Value == nil {
			t.Errorf("%s %s: no schema", where, media)
			continue
		}
		raw, err := described.Schema.Value.MarshalJSON()
		if err != nil || string(raw) == "{}" || string(raw) == `{"type":"object"}` {
			t.Errorf("%s %s: the schema says nothing: %s", where, media, raw)
		}
	}
}
