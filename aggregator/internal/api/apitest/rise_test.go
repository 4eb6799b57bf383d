// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// climber may manage everybody, and little else.
type climber struct {
	*apitest.World
	t       *testing.T
	token   string
	account any // its own id
	role    any // of the role that it has
}

// accessPermissions are those to manage users, service accounts, roles and tokens.
func accessPermissions() []auth.Permission {
	var all []auth.Permission
	for _, object := range []string{"user", "serviceaccount", "role", "apitoken"} {
		for _, verb := range []string{"view", "add", "change", "delete"} {
			all = append(all, auth.Permission("accounts."+verb+"_"+object))
		}
	}
	return all
}

func newClimber(t *testing.T, w *apitest.World, more auth.Permission, tags ...int64) *climber {
	t.Helper()
	c := &climber{World: w, t: t, token: w.TokenFor(apitest.Role{Permissions: append(accessPermissions(), more), Tags: tags})}
	me := w.AskAs(c.token, http.MethodGet, "/api/v1/me", nil).Want(http.StatusOK).Object()
	c.account = me["id"]
	for _, role := range w.Ask(http.MethodGet, "/api/v1/roles", nil).Want(http.StatusOK).List("roles") {
		if role["name"] == fmt.Sprint(me["name"], " 0") {
			c.role = role["id"]
		}
	}
	if c.role == nil {
		t.Fatalf("no role of %v", me)
	}
	return c
}

// attempt is something that would make its author, or somebody it can act as, more than it is.
type attempt struct {
	method, path string
	body         any
}

// fail makes attempts, all of which have to be refused and to change nothing.
func (c *climber) fail(attempts ...attempt) {
	c.t.Helper()
	before := c.everybody()
	for _, a := range attempts {
		if got := c.AskAs(c.token, a.method, a.path, a.body); got.Status != http.StatusForbidden {
			c.t.Errorf("%s %s %v: %d %s, want 403", a.method, a.path, a.body, got.Status, got.Body)
		}
	}
	if after := c.everybody(); !slices.Equal(before, after) {
		c.t.Errorf("got %v\nwant %v", after, before)
	}
}

// everybody is who there is and what they may do.
func (c *climber) everybody() []string {
	c.t.Helper()
	var all []string
	for _, list := range []string{"users", "service_accounts", "roles", "tokens"} {
		for _, one := range c.Ask(http.MethodGet, "/api/v1/"+list, nil).Want(http.StatusOK).List(list) {
			delete(one, "last_used_at")
			all = append(all, fmt.Sprint(list, one))
		}
	}
	return all
}

func (c *climber) create(path string, body any) any {
	c.t.Helper()
	return c.Ask(http.MethodPost, path, body).Want(http.StatusCreated).Object()["id"]
}

func TestNobodyRisesAboveThemselves(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	c := newClimber(t, w, "inventory.view_tag")
	strong := c.create("/api/v1/roles", `{"name":"strong","permissions":["inventory.view_tag","inventory.add_tag"]}`)
	jane := c.create("/api/v1/users", `{"name":"jane","roles":["admin"],"password":"correct horse battery"}`)
	joe := c.create("/api/v1/users", `{"name":"joe","roles":["strong"],"password":"correct horse battery"}`)
	self, own := fmt.Sprint("/api/v1/service_accounts/", c.account), fmt.Sprint("/api/v1/roles/", c.role)
	var all []attempt
	mine := append(accessPermissions(), "inventory.view_tag")
	for _, p := range auth.Permissions() {
		if !slices.Contains(mine, p) {
			more := map[string]any{"name": "more", "permissions": append(slices.Clone(mine), p)}
			all = append(all, attempt{http.MethodPost, "/api/v1/roles", more}, attempt{http.MethodPut, own, more})
		}
	}
	for _, role := range []string{"admin", "operator", "viewer", "strong"} {
		one := map[string]any{"name": "one", "roles": []string{role}}
		all = append(all, attempt{http.MethodPost, "/api/v1/users", one}, attempt{http.MethodPost, "/api/v1/service_accounts", one}, attempt{http.MethodPut, self, one})
	}
	for _, other := range []any{jane, joe} {
		path := fmt.Sprint("/api/v1/users/", other)
		all = append(all, attempt{http.MethodPut, path, `{"name":"jane","roles":[]}`}, attempt{http.MethodDelete, path, nil},
			attempt{http.MethodPut, path + "/password", `{"password":"another horse battery"}`},
			attempt{http.MethodPost, "/api/v1/tokens", map[string]any{"name": "x", "principal": other}})
	}
	path := fmt.Sprint("/api/v1/roles/", strong)
	all = append(all, attempt{http.MethodPut, path, `{"name":"strong","permissions":["inventory.view_tag"]}`}, attempt{http.MethodDelete, path, nil})
	c.fail(all...)
	c.AskAs(c.token, http.MethodPost, "/api/v1/roles", `{"name":"as much","permissions":["inventory.view_tag"]}`).Want(http.StatusCreated)
	c.AskAs(c.token, http.MethodPost, "/api/v1/users", `{"name":"peer","roles":["as much"]}`).Want(http.StatusCreated)
}

func TestNobodyReachesBeyondTheirTags(t *testing.T) {
	t.Parallel()
	f := newFleet(t, true)
	c := newClimber(t, f.World, auth.ReadInventory, f.in)
	role := func(name string, tags any) map[string]any {
		return map[string]any{"name": name, "permissions": []auth.Permission{auth.ReadInventory}, "tags": tags}
	}
	wide, far := role("wide", nil), role("far", []int64{f.out})
	c.create("/api/v1/roles", wide)
	c.create("/api/v1/roles", far)
	other := c.create("/api/v1/users", `{"name":"other","roles":["far"],"password":"correct horse battery"}`)
	self, own := fmt.Sprint("/api/v1/service_accounts/", c.account), fmt.Sprint("/api/v1/roles/", c.role)
	var all []attempt
	for _, tags := range []any{nil, []int64{f.out}, []int64{f.in, f.out}} {
		all = append(all, attempt{http.MethodPost, "/api/v1/roles", role("more", tags)}, attempt{http.MethodPut, own, role("more", tags)})
	}
	for _, name := range []string{"viewer", "wide", "far"} {
		one := map[string]any{"name": "one", "roles": []string{name}}
		all = append(all, attempt{http.MethodPost, "/api/v1/users", one}, attempt{http.MethodPut, self, one})
	}
	all = append(all,
		attempt{http.MethodPut, fmt.Sprintf("/api/v1/users/%v/password", other), `{"password":"another horse battery"}`},
		attempt{http.MethodPost, "/api/v1/tokens", map[string]any{"name": "x", "principal": other}},
		attempt{http.MethodPost, "/api/inventory/tags/", `{"name":"x"}`},
		attempt{http.MethodPut, fmt.Sprintf("/api/inventory/tags/%d/", f.in), `{"name":"x"}`},
		attempt{http.MethodDelete, fmt.Sprintf("/api/inventory/tags/%d/", f.in), nil})
	c.fail(all...)
	c.AskAs(c.token, http.MethodGet, "/api/v1/machines/"+outside[1], nil).Want(http.StatusNotFound)
	c.AskAs(c.token, http.MethodPost, "/api/v1/roles", role("as far", []int64{f.in})).Want(http.StatusCreated)
	// A role whose last tag goes is for no machine, not for all of them.
	f.Ask(http.MethodDelete, fmt.Sprintf("/api/inventory/tags/%d/", f.in), nil).Want(http.StatusNoContent)
	if left := c.AskAs(c.token, http.MethodGet, "/api/v1/machines", nil); left.Status == http.StatusOK && len(left.List("machines")) > 0 {
		t.Errorf("got %s, want no machine", left.Body)
	}
}
