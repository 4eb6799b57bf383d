// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// public are the routes that ask nobody who they are, or ask in a way of their own.
var public = []string{
	"GET /api/v1/openapi.json", "GET /-/healthy", "GET /-/ready",
	"POST /api/v1/sessions",             // it is where people say who they are
	"GET /api/v1/agent_packages/{file}", // with an enrolment's secret, too
}

// request fills the parameters of a route's path with something that exists, or that could.
func request(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.NewReplacer("{serial}", "S", "{file}", "deb_packages.csv").Replace(path)
	return method, parameter.ReplaceAllString(path, "1")
}

// doors is a world with people to ask every route as.
type doors struct {
	*apitest.World
	t        *testing.T
	nobody   string
	disabled string
	expired  string
	revoked  string
	session  string
	tag      int64
	lacking  map[auth.Permission]string // tokens that have every permission but one
	having   map[string]string          // tokens that have some permissions and no other
}

func newDoors(t *testing.T) *doors {
	t.Helper()
	d := &doors{World: apitest.New(t, apitest.Options{}), t: t, lacking: map[auth.Permission]string{}, having: map[string]string{}}
	d.Ask(http.MethodPost, "/api/v1/snapshots", `{"source":{"module":"test","name":"test"},"serial_number":"S"}`).Want(http.StatusCreated)
	if err := d.Pool.QueryRow(t.Context(), `INSERT INTO tag (name, slug) VALUES ('t', 't') RETURNING id`).Scan(&d.tag); err != nil {
		t.Fatal(err)
	}
	d.nobody = d.TokenOfNobody()
	d.disabled = d.TokenFor(apitest.Role{})
	h, err := d.Store.TokenByDigest(t.Context(), auth.DigestOf(d.disabled))
	if err != nil {
		t.Fatal(err)
	}
	d.disable(auth.ServiceAccount, h.Principal.ID)
	d.expired, d.revoked = d.over()
	admin, err := d.Store.CreateAccount(t.Context(), store.Account{Kind: auth.User, Name: "jane", Roles: []string{"admin"}}, "hash")
	if err != nil {
		t.Fatal(err)
	}
	d.session = auth.NewSessionSecret()
	c := store.Credentials{Principal: admin.ID, Name: "jane", PasswordHash: "hash"}
	if _, err := d.Store.CreateSession(t.Context(), c, auth.DigestOf(d.session), time.Hour, store.SignIn{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *doors) disable(kind auth.Kind, id int64) {
	d.t.Helper()
	a, err := d.Store.Account(d.t.Context(), kind, id)
	if err != nil {
		d.t.Fatal(err)
	}
	now := time.Now()
	a.DisabledAt = &now
	if _, err := d.Store.PutAccount(d.t.Context(), a); err != nil {
		d.t.Fatal(err)
	}
}

// without returns a token that has every permission but one.
func (d *doors) without(missing auth.Permission) string {
	if d.lacking[missing] == "" {
		others := slices.DeleteFunc(auth.Permissions(), func(p auth.Permission) bool { return p == missing })
		d.lacking[missing] = d.TokenFor(apitest.Role{Permissions: others})
	}
	return d.lacking[missing]
}

// send asks with headers of the test's own.
func (d *doors) send(method, path string, header map[string]string) apitest.Answer {
	d.t.Helper()
	req := apitest.Request(d.t, method, path, nil)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return d.Send(req)
}

// over returns a token that has expired and one that was revoked, of somebody who may do everything.
func (d *doors) over() (expired, revoked string) {
	d.t.Helper()
	a, err := d.Store.CreateAccount(d.t.Context(), store.Account{Kind: auth.ServiceAccount, Name: "over", Roles: []string{"admin"}}, "")
	if err != nil {
		d.t.Fatal(err)
	}
	yesterday := time.Now().AddDate(0, 0, -1)
	var secrets []string
	for _, n := range []store.NewToken{{Name: "expired", ExpiresAt: &yesterday}, {Name: "revoked"}} {
		secret := auth.NewToken(auth.ServiceAccount)
		n.Principal, n.Digest = a.ID, auth.DigestOf(secret)
		t, err := d.Store.CreateToken(d.t.Context(), n)
		if err == nil && n.ExpiresAt == nil {
			err = d.Store.RevokeToken(d.t.Context(), t.ID)
		}
		if err != nil {
			d.t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	return secrets[0], secrets[1]
}

// foreign tells whether a path belongs to the outside contract.
func foreign(path string) bool {
	return strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/api/v1/")
}

// scraped tells whether a path is where Prometheus reads the metrics of the fleet: that door says nothing to whoever may
// not come in, and knows no cookies.
func scraped(path string) bool { return strings.HasPrefix(path, "/metrics/") }

// refused holds a refusal against its contract: the outside one has the detail alone, ours a problem.
func (d *doors) refused(a apitest.Answer, path string, status int, detail string) {
	d.t.Helper()
	if scraped(path) {
		if a.Want(http.StatusForbidden); len(a.Body) > 0 || len(a.Header.Values("WWW-Authenticate")) > 0 {
			d.t.Errorf("%s: got %q and %v, want an empty refusal", path, a.Body, a.Header)
		}
		return
	}
	a.Want(status).Says(detail)
	if want := `{"detail":"` + detail + `"}`; foreign(path) && strings.TrimSpace(string(a.Body)) != want {
		d.t.Errorf("%s: got %s, want %s", path, a.Body, want)
	}
	if want := []string{"Token"}; status == http.StatusUnauthorized && foreign(path) && !slices.Equal(a.Header.Values("WWW-Authenticate"), want) {
		d.t.Errorf("%s: WWW-Authenticate is %v", path, a.Header.Values("WWW-Authenticate"))
	}
}

// exactly returns a token that has these permissions and no other.
func (d *doors) exactly(needs []auth.Permission) string {
	name := fmt.Sprint(needs)
	if d.having[name] == "" {
		permissions := slices.DeleteFunc(slices.Clone(needs), func(p auth.Permission) bool { return p == auth.SignedIn })
		if len(permissions) == 0 {
			return d.nobody
		}
		d.having[name] = d.TokenFor(apitest.Role{Permissions: permissions})
	}
	return d.having[name]
}

func denied(a apitest.Answer) bool {
	return a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
}

// signedIn tells whether the route leaves it to its handler what somebody may do there.
func signedIn(route api.Route) bool { return slices.Equal(route.Needs, api.Needs(auth.SignedIn)) }

// methodsOf returns those of every route that a path may be meant for: a machine may be called "tags", like an address.
func (d *doors) methodsOf(path string) []string {
	var methods []string
	for _, route := range d.Doors.Routes {
		method, pattern, _ := strings.Cut(route.Pattern, " ")
		if regexp.MustCompile("^" + parameter.ReplaceAllString(pattern, "[^/]+") + "$").MatchString(path) {
			methods = append(methods, method)
		}
	}
	return methods
}
