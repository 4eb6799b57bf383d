// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// TestEveryDoorAsksWhoItIs asks each route of every contract as nobody, with wrong tokens, without its permissions, and
// as somebody who may not see every machine.
func TestEveryDoorAsksWhoItIs(t *testing.T) {
	t.Parallel()
	d := newDoors(t)
	known := auth.Permissions()
	everything := d.TokenFor(apitest.Role{Permissions: known, Tags: []int64{d.tag}})
	for _, route := range d.Doors.Routes {
		method, path := request(route.Pattern)
		t.Run(route.Pattern, func(t *testing.T) {
			if route.Needs == nil {
				t.Fatal("the row says nothing about permissions")
			}
			if len(route.Needs) == 0 {
				if !slices.Contains(public, route.Pattern) {
					t.Error("the row is open to everybody, and not in the list of those that are meant to")
				}
				return
			}
			a := d.AskAs("", method, path, nil)
			d.refused(a, path, http.StatusUnauthorized, "Authentication credentials were not provided.")
			if got := a.Header.Values("WWW-Authenticate"); !slices.Contains(got, "Token") && !scraped(path) {
				t.Errorf("WWW-Authenticate is %v", got)
			}
			for token, detail := range map[string]string{
				"ztls_wrong": "Invalid ztl token.", "0123456789": "Invalid token.", auth.NewToken(auth.User): "Invalid token.",
				d.expired: "Invalid token.", d.revoked: "Invalid token.", d.disabled: "User inactive or deleted.",
				"a b": "Invalid token header. Token string should not contain spaces.", " ": "Invalid token header. No credentials provided.",
			} {
				d.refused(d.AskAs(token, method, path, nil), path, http.StatusUnauthorized, detail)
			}
			for _, p := range route.Needs {
				if p == auth.SignedIn {
					continue
				}
				if _, ok := slices.BinarySearch(known, p); !ok {
					t.Fatalf("no custom role can have %s: it is missing in auth.Permissions", p)
				}
				for _, token := range []string{d.nobody, d.without(p)} {
					d.refused(d.AskAs(token, method, path, nil), path, http.StatusForbidden, "You do not have permission to perform this action.")
				}
			}
			unknown := strings.NewReplacer("/1/", "/999/", "/1", "/999").Replace(path) // nobody may have a hand in an admin
			if a := d.AskAs(d.exactly(route.Needs), method, unknown, nil); denied(a) && !signedIn(route) {
				t.Errorf("who has what it takes: %d %s", a.Status, a.Body)
			}
			switch a := d.AskAs(everything, method, path, nil); {
			case route.Reach == api.Fleet && signedIn(route):
				t.Error("the row tells of every machine, and takes no permission")
			case route.Reach == api.Fleet:
				a.Want(http.StatusForbidden)
			case a.Status == http.StatusUnauthorized:
				t.Errorf("who may see only some machines: %d %s", a.Status, a.Body)
			}
		})
	}
}

// withCookies are the routes of the outside contract that people who signed in with a browser may use without a token.
var withCookies = []string{
	"POST /api/inventory/machines/export/", "POST /api/inventory/android_apps/export/", "POST /api/inventory/deb_packages/export/",
	"POST /api/inventory/ios_apps/export/", "POST /api/inventory/macos_apps/export/", "POST /api/inventory/programs/export/",
	"GET /api/task_result/{id}/", "GET /api/task_result/{id}/download/", "GET /api/osquery/enrollments/{pk}/package/",
	"GET /api/osquery/enrollments/{pk}/script/", "GET /api/osquery/enrollments/{pk}/powershell_script/", "GET /api/munki/enrollments/{pk}/package/",
}

// TestSchemesAndCookiesCountWhereTheyShould asks each route with the other ways of saying who it is.
func TestSchemesAndCookiesCountWhereTheyShould(t *testing.T) {
	t.Parallel()
	d := newDoors(t)
	for _, route := range d.Doors.Routes {
		method, path := request(route.Pattern)
		if len(route.Needs) == 0 || scraped(path) {
			continue
		}
		t.Run(route.Pattern, func(t *testing.T) {
			own, cookie := !foreign(path), api.SessionCookie+"="+d.session
			if route.Cookie != slices.Contains(withCookies, route.Pattern) {
				t.Errorf("cookies: %v, which is not as the contract has it", route.Cookie)
			}
			if method != http.MethodGet && (own || route.Cookie) {
				d.send(method, path, map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}).Want(http.StatusForbidden)
				d.send(method, path, map[string]string{"Cookie": cookie, "Origin": "https://other.example"}).Want(http.StatusForbidden)
			}
			if method == http.MethodDelete {
				return // a session would end
			}
			known := func(name string, header map[string]string, want bool) {
				t.Helper()
				if a := d.send(method, path, header); (a.Status != http.StatusUnauthorized) != want {
					t.Errorf("%s: got %d, want it to count: %v", name, a.Status, want)
				}
			}
			known("bearer", map[string]string{"Authorization": "Bearer " + d.nobody}, own)
			for _, scheme := range []string{"Bearer ", "Basic ", "Token"} {
				if header := scheme + d.nobody; !own {
					d.refused(d.send(method, path, map[string]string{"Authorization": header}), path, http.StatusUnauthorized, auth.ErrNoCredentials.Error())
				}
			}
			known("case of the scheme", map[string]string{"Authorization": "tOkEn " + d.nobody}, true)
			known("cookie", map[string]string{"Cookie": cookie}, own || route.Cookie)
			known("cookie of nobody", map[string]string{"Cookie": api.SessionCookie + "=x"}, false)
			known("token in a cookie", map[string]string{"Cookie": api.SessionCookie + "=" + d.nobody}, false)
			known("bad token beside a cookie", map[string]string{"Cookie": cookie, "Authorization": "Token x"}, false)
		})
	}
}

// TestOtherMethodsAreRefused asks each path with a method that it has not.
func TestOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDoors(t)
	methods := map[string][]string{}
	for _, route := range d.Doors.Routes {
		_, path := request(route.Pattern)
		methods[path] = d.methodsOf(path)
	}
	for path, has := range methods {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch} {
			if slices.Contains(has, method) {
				continue
			}
			a := d.Ask(method, path, nil)
			if a.Status != http.StatusMethodNotAllowed || !strings.Contains(string(a.Body), "not allowed") {
				t.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
			}
			for _, allowed := range has {
				if !strings.Contains(a.Header.Get("Allow"), allowed) {
					t.Errorf("%s %s: Allow is %q", method, path, a.Header.Get("Allow"))
				}
			}
		}
	}
}
