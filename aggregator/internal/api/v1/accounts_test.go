// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestAccountsOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"users", "service_accounts"} {
		list := "/api/v1/" + kind
		created := w.Ask(http.MethodPost, list, `{"name":"`+kind+`-1","display_name":"One","roles":["viewer"]}`).Want(http.StatusCreated)
		path := created.Header.Get("Location")
		w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Says(`"display_name":"One"`).Says(`"roles":["viewer"]`)
		w.Ask(http.MethodPut, path, `{"name":"`+kind+`-2","roles":["operator"]}`).Want(http.StatusOK).Says(kind + "-2").Says("operator")
		w.Ask(http.MethodPost, list, `{"name":"`+strings.ToUpper(kind)+`-2"}`).Want(http.StatusBadRequest).Says(`"name":["There is an account`)
		w.Ask(http.MethodPost, list, `{"name":"x","roles":["king"]}`).Want(http.StatusBadRequest).Says("roles[0]")
		w.Ask(http.MethodPost, list, `{"name":"x","roles":["a\u0000"]}`).Want(http.StatusBadRequest).Says("roles[0]")
		w.Ask(http.MethodPost, list, `{"name":"x\u0000"}`).Want(http.StatusBadRequest).Says("name")
		w.Ask(http.MethodPost, list, `{"name":"x","surprise":1}`).Want(http.StatusBadRequest).Says("surprise")
		w.Ask(http.MethodPut, path, `{"name":"x","password":"a password, long"}`).Want(http.StatusBadRequest).Says("password")
		w.Ask(http.MethodGet, list, nil).Want(http.StatusOK).Says(kind + "-2")
		w.Ask(http.MethodDelete, path, nil).Want(http.StatusNoContent)
		w.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound)
		w.Ask(http.MethodPut, path, `{"name":"y"}`).Want(http.StatusNotFound)
		w.Ask(http.MethodDelete, path, nil).Want(http.StatusNotFound)
	}
	w.Ask(http.MethodPost, "/api/v1/service_accounts", `{"name":"x","password":"a password, long"}`).Want(http.StatusBadRequest).Says("Only users")
	me := w.Ask(http.MethodGet, "/api/v1/me", nil).Want(http.StatusOK).Object()
	self := fmt.Sprintf("/api/v1/service_accounts/%v", me["id"])
	w.Ask(http.MethodDelete, self, nil).Want(http.StatusConflict)
	w.Ask(http.MethodPut, self, `{"name":"admin","roles":["admin"],"disabled":true}`).Want(http.StatusConflict)
}

func TestATokenMakesNoneThatOutlivesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(token string, body map[string]any) apitest.Answer {
		return w.AskAs(token, http.MethodPost, "/api/v1/tokens", body)
	}
	end := time.Now().Add(time.Hour).UTC()
	brief := post(w.Tokens[auth.Viewer], map[string]any{"name": "brief", "expires_at": end}).Want(http.StatusCreated).Object()["token"].(string)
	post(brief, map[string]any{"name": "for ever"}).Want(http.StatusBadRequest).Says("ends no later")
	post(brief, map[string]any{"name": "longer", "expires_at": end.Add(time.Minute)}).Want(http.StatusBadRequest).Says("ends no later")
	post(brief, map[string]any{"name": "shorter", "expires_at": end.Add(-time.Minute)}).Want(http.StatusCreated)
}

func TestTokensOfOneselfAndOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewer, admin := w.Tokens[auth.Viewer], w.Tokens[auth.Admin]
	id := func(token string) any {
		return w.AskAs(token, http.MethodGet, "/api/v1/me", nil).Want(http.StatusOK).Object()["id"]
	}
	post := func(token string, body map[string]any) apitest.Answer {
		t.Helper()
		return w.AskAs(token, http.MethodPost, "/api/v1/tokens", body)
	}
	own := post(viewer, map[string]any{"name": "mine"}).Want(http.StatusCreated).Object()
	secret := own["token"].(string)
	if auth.CheckToken(secret) != nil || id(secret) != id(viewer) {
		t.Errorf("got %v", own)
	}
	post(viewer, map[string]any{"name": "mine"}).Want(http.StatusBadRequest).Says("already")
	post(viewer, map[string]any{"name": " "}).Want(http.StatusBadRequest).Says("blank")
	post(viewer, map[string]any{"name": "old", "expires_at": time.Now().Add(-time.Hour)}).Want(http.StatusBadRequest).Says("expires_at")
	post(viewer, map[string]any{"name": "x", "principal": id(admin)}).Want(http.StatusForbidden).Says("accounts.add_apitoken")
	helper := w.TokenFor(apitest.Role{Permissions: []auth.Permission{"accounts.add_apitoken", "inventory.view_tag"}})
	post(helper, map[string]any{"name": "x", "principal": id(admin)}).Want(http.StatusForbidden)
	others := post(admin, map[string]any{"name": "x", "principal": id(viewer)}).Want(http.StatusCreated).Object()
	post(admin, map[string]any{"name": "x", "principal": 1 << 40}).Want(http.StatusBadRequest).Says("principal")

	list := w.AskAs(viewer, http.MethodGet, "/api/v1/tokens", nil).Want(http.StatusOK)
	if tokens := list.List("tokens"); len(tokens) != 3 || strings.Contains(string(list.Body), secret) { // the one that it asks with, too
		t.Errorf("one's own: got %s", list.Body)
	}
	if all := w.Ask(http.MethodGet, "/api/v1/tokens", nil).List("tokens"); len(all) != 6 {
		t.Errorf("everybody's: got %d", len(all))
	}
	stranger := w.TokenFor(apitest.Role{})
	w.AskAs(stranger, http.MethodDelete, "/api/v1/tokens/"+text(own["id"]), nil).Want(http.StatusNotFound)
	for _, odd := range []string{"1", "%00", "6f1c1a52-58a5-4dd8-8a5b-3f2f6ee8a4f5"} {
		w.Ask(http.MethodDelete, "/api/v1/tokens/"+odd, nil).Want(http.StatusNotFound)
	}
	w.AskAs(viewer, http.MethodDelete, "/api/v1/tokens/"+text(others["id"]), nil).Want(http.StatusNoContent)
	w.AskAs(secret, http.MethodGet, "/api/v1/me", nil).Want(http.StatusOK)
	w.Ask(http.MethodDelete, "/api/v1/tokens/"+text(own["id"]), nil).Want(http.StatusNoContent)
	w.AskAs(secret, http.MethodGet, "/api/v1/me", nil).Want(http.StatusUnauthorized).Says("Invalid token.")
}

func TestRolesOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tag int64
	if err := w.Pool.QueryRow(t.Context(), `INSERT INTO tag (name, slug) VALUES ('t', 't') RETURNING id`).Scan(&tag); err != nil {
		t.Fatal(err)
	}
	known := w.AskAs(w.Tokens[auth.Viewer], http.MethodGet, "/api/v1/permissions", nil).Want(http.StatusOK).Object()["permissions"].([]any)
	if !slices.Contains(known, any("inventory.add_tag")) || slices.Contains(known, any("*")) || slices.Contains(known, any("signed_in")) {
		t.Errorf("got %v", known)
	}
	body := map[string]any{"name": "tagger", "permissions": []string{"inventory.view_tag"}, "tags": []int64{tag}}
	path := w.Ask(http.MethodPost, "/api/v1/roles", body).Want(http.StatusCreated).Says(fmt.Sprintf(`"tags":[%d]`, tag)).Header.Get("Location")
	w.Ask(http.MethodPost, "/api/v1/roles", body).Want(http.StatusBadRequest).Says("already")
	account := w.Ask(http.MethodPost, "/api/v1/service_accounts", `{"name":"a","roles":["tagger"]}`).Want(http.StatusCreated).Object()["id"]
	token := text(w.Ask(http.MethodPost, "/api/v1/tokens", map[string]any{"name": "t", "principal": account}).Want(http.StatusCreated).Object()["token"])
	w.AskAs(token, http.MethodGet, "/api/v1/roles", nil).Want(http.StatusForbidden)
	body["permissions"], body["tags"] = []string{"accounts.view_role"}, nil
	w.Ask(http.MethodPut, path, body).Want(http.StatusOK).Says(`"tags":null`)
	w.AskAs(token, http.MethodGet, "/api/v1/roles", nil).Want(http.StatusOK).Says("tagger").Says("viewer") // at once
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusConflict)
	w.Ask(http.MethodPut, fmt.Sprintf("/api/v1/service_accounts/%v", account), `{"name":"a","disabled":true}`).Want(http.StatusOK)
	w.AskAs(token, http.MethodGet, "/api/v1/me", nil).Want(http.StatusUnauthorized).Says("User inactive or deleted.")
	w.Ask(http.MethodDelete, path, nil).Want(http.StatusNoContent)
	w.Ask(http.MethodPut, "/api/v1/roles/1", body).Want(http.StatusConflict).Says("built-in")
	w.Ask(http.MethodDelete, "/api/v1/roles/1", nil).Want(http.StatusConflict)
	for field, bad := range map[string]any{
		"permissions[0]": map[string]any{"name": "x", "permissions": []string{"inventory.fly"}},
		"tags":           map[string]any{"name": "x", "tags": []int64{}},
		"tags[0]":        map[string]any{"name": "x", "tags": []int64{1 << 40}},
		"name":           map[string]any{"name": ""},
	} {
		w.Ask(http.MethodPost, "/api/v1/roles", bad).Want(http.StatusBadRequest).Says(`"` + field + `":[`)
	}
	helper := w.TokenFor(apitest.Role{Permissions: []auth.Permission{"accounts.add_role", "accounts.add_user", "inventory.view_tag"}})
	w.AskAs(helper, http.MethodPost, "/api/v1/roles", `{"name":"more","permissions":["inventory.add_tag"]}`).Want(http.StatusForbidden)
	w.AskAs(helper, http.MethodPost, "/api/v1/users", `{"name":"more","roles":["admin"]}`).Want(http.StatusForbidden)
	w.AskAs(helper, http.MethodPost, "/api/v1/roles", `{"name":"as much","permissions":["inventory.view_tag"]}`).Want(http.StatusCreated)
}

func TestAuditLogOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.user("jane", "viewer")
	id := path[strings.LastIndex(path, "/")+1:]
	w.Ask(http.MethodPut, path, `{"name":"jane","roles":["operator"]}`).Want(http.StatusOK)
	of := "/api/v1/audit?object=user&object_id=" + id
	first := w.Ask(http.MethodGet, of+"&limit=1", nil).Want(http.StatusOK).Says(`"action":"updated"`).Says(`"before":{"name":"jane"`)
	if e := first.List("entries")[0]; e["actor"].(map[string]any)["name"] != "admin" {
		t.Errorf("got %v", e)
	}
	second := w.Ask(http.MethodGet, of+"&limit=1&cursor="+text(first.Object()["next_cursor"]), nil).Want(http.StatusOK).Says(`"action":"created"`).Says(`"before":null`)
	if strings.Contains(string(second.Body), "argon2") {
		t.Errorf("the log holds a hash: %s", second.Body)
	}
	w.Ask(http.MethodGet, "/api/v1/audit?actor=admin&action=created&until=2026-01-01T00:00:00Z", nil).Want(http.StatusOK).Says(`"entries":[]`)
	w.Ask(http.MethodGet, "/api/v1/audit?since=yesterday", nil).Want(http.StatusBadRequest).Says("since")
	w.Ask(http.MethodGet, "/api/v1/audit?cursor=x", nil).Want(http.StatusBadRequest).Says("cursor")
	w.AskAs(w.Tokens[auth.Operator], http.MethodGet, "/api/v1/audit", nil).Want(http.StatusForbidden).Says("accounts.view_audit")
}
