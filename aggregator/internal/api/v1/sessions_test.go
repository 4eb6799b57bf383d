// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const janesPassword = "correct horse battery"

// user makes a user with a password, and returns its path.
func (w *world) user(name string, roles ...string) string {
	w.T.Helper()
	a := w.Ask(http.MethodPost, "/api/v1/users", map[string]any{"name": name, "password": janesPassword, "roles": roles}).Want(http.StatusCreated)
	if strings.Contains(string(a.Body), "argon2") || strings.Contains(string(a.Body), janesPassword) {
		w.T.Errorf("the answer tells the password: %s", a.Body)
	}
	return a.Header.Get("Location")
}

// signIn returns the answer, and the cookie that came with it.
func (w *world) signIn(name, password string) (apitest.Answer, *http.Cookie) {
	w.T.Helper()
	a := w.AskAs("", http.MethodPost, "/api/v1/sessions", map[string]string{"name": name, "password": password})
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.Name == api.SessionCookie {
			return a, c
		}
	}
	return a, nil
}

// with asks with a cookie.
func (w *world) with(c *http.Cookie, method, path string, body any, header ...string) apitest.Answer {
	w.T.Helper()
	req := apitest.Request(w.T, method, path, body)
	req.AddCookie(c)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return w.Send(req)
}

func TestPeopleSignInAndOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("jane", "viewer")
	a, cookie := w.signIn("Jane", janesPassword)
	a.Want(http.StatusCreated).Says(`"name":"jane"`).Says("inventory.view_machinesnapshot")
	if cookie == nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || cookie.Path != "/" {
		t.Fatalf("got the cookie %+v", cookie)
	}
	if strings.Contains(string(a.Body), cookie.Value) {
		t.Error("scripts of the page can read the session")
	}
	w.with(cookie, http.MethodGet, "/api/v1/sessions/current", nil).Want(http.StatusOK).Says("expires_at")
	w.with(cookie, http.MethodGet, "/api/v1/machines", nil).Want(http.StatusOK)
	w.with(cookie, http.MethodPost, "/api/v1/tokens", `{"name":"t"}`, "Sec-Fetch-Site", "cross-site").Want(http.StatusForbidden)
	w.with(cookie, http.MethodPost, "/api/v1/tokens", `{"name":"t"}`, "Origin", "https://evil.example").Want(http.StatusForbidden)
	w.with(cookie, http.MethodPost, "/api/v1/tokens", `{"name":"t"}`, "Sec-Fetch-Site", "same-origin").Want(http.StatusCreated).Says("ztlu_")
	w.Ask(http.MethodGet, "/api/v1/sessions/current", nil).Want(http.StatusNotFound)
	w.with(cookie, http.MethodDelete, "/api/v1/sessions/current", nil).Want(http.StatusNoContent)
	w.with(cookie, http.MethodGet, "/api/v1/machines", nil).Want(http.StatusUnauthorized).Says("not provided")

	req := apitest.Request(t, http.MethodPost, "/api/v1/sessions", map[string]string{"name": "jane", "password": janesPassword})
	req.Header.Set("X-Forwarded-Proto", "https")
	if got := w.Send(req).Want(http.StatusCreated).Header.Get("Set-Cookie"); !strings.Contains(got, "Secure") {
		t.Errorf("behind TLS: got %q", got)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req = req.Clone(t.Context())
	req.Body = apitest.Request(t, http.MethodPost, "/", map[string]string{"name": "jane", "password": janesPassword}).Body
	w.Send(req).Want(http.StatusForbidden)
}

func TestNobodyLearnsWhoThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.user("jane", "viewer")
	w.user("bob")
	wrong, _ := w.signIn("jane", "something else")
	unknown, _ := w.signIn("nobody", janesPassword)
	odd, _ := w.signIn("a\x00b", janesPassword)
	w.Ask(http.MethodPut, path, `{"name":"jane","roles":["viewer"],"disabled":true}`).Want(http.StatusOK)
	disabled, cookie := w.signIn("jane", janesPassword)
	for _, a := range []apitest.Answer{wrong, unknown, odd, disabled} {
		if a.Status != http.StatusUnauthorized || string(a.Body) != string(wrong.Body) {
			t.Errorf("got %d %s, want %s", a.Status, a.Body, wrong.Body)
		}
	}
	if cookie != nil {
		t.Error("a disabled user gets a session")
	}
	log := w.Ask(http.MethodGet, "/api/v1/audit?object=session&action=refused", nil).Want(http.StatusOK)
	if entries := log.List("entries"); len(entries) != 4 || entries[0]["object_name"] != "jane" || entries[1]["object_name"] != "" {
		t.Errorf("got %s", log.Body)
	}
	w.signIn("bob", janesPassword)
	entries := append(log.List("entries"), w.Ask(http.MethodGet, "/api/v1/audit?object=session&action=created", nil).List("entries")...)
	want := map[string]any{"ip": "192.0.2.1", "method": "POST", "path": "/api/v1/sessions", "view": "/api/v1/sessions"}
	for _, e := range entries {
		if !reflect.DeepEqual(e["request"], want) {
			t.Errorf("%s: asked with %v, want %v", e["action"], e["request"], want)
		}
	}
}

func TestGuessingIsThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("jane", "viewer")
	for range 6 {
		a, _ := w.signIn("jane", "not the password")
		a.Want(http.StatusUnauthorized)
	}
	const minute = "UPDATE login_throttle SET blocked_until = blocked_until + interval '1 minute' WHERE blocked_until > last_at + interval '0.5 seconds'"
	if _, err := w.Pool.Exec(t.Context(), minute); err != nil { // the second may be over on a slow machine
		t.Fatal(err)
	}
	a, _ := w.signIn("jane", janesPassword) // the right one, too early
	if seconds, err := strconv.Atoi(a.Want(http.StatusTooManyRequests).Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 61 {
		t.Errorf("Retry-After: got %q", a.Header.Get("Retry-After"))
	}
	if _, err := w.Pool.Exec(t.Context(), "UPDATE login_throttle SET blocked_until = now()"); err != nil {
		t.Fatal(err)
	}
	a, _ = w.signIn("jane", janesPassword)
	a.Want(http.StatusCreated)
	for range 6 {
		a, _ := w.signIn("jane", "not the password")
		a.Want(http.StatusUnauthorized)
	}
}

func TestPeopleChangeTheirPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.user("jane", "viewer")
	_, one := w.signIn("jane", janesPassword)
	_, two := w.signIn("jane", janesPassword)
	put := func(body string) apitest.Answer {
		t.Helper()
		return w.with(one, http.MethodPut, "/api/v1/me/password", body)
	}
	put(`{"current_password":"wrong","password":"another one, longer"}`).Want(http.StatusBadRequest).Says("current_password")
	put(`{"current_password":"` + janesPassword + `","password":"short"}`).Want(http.StatusBadRequest).Says("at least 12")
	put(`{"current_password":"` + janesPassword + `","password":"another one, longer"}`).Want(http.StatusNoContent)
	w.with(one, http.MethodGet, "/api/v1/me", nil).Want(http.StatusOK)
	w.with(two, http.MethodGet, "/api/v1/me", nil).Want(http.StatusUnauthorized)
	a, _ := w.signIn("jane", janesPassword)
	a.Want(http.StatusUnauthorized)
	w.Ask(http.MethodPut, path+"/password", `{"password":"a third, by the admin"}`).Want(http.StatusNoContent)
	w.with(one, http.MethodGet, "/api/v1/me", nil).Want(http.StatusUnauthorized)
	a, _ = w.signIn("jane", "a third, by the admin")
	a.Want(http.StatusCreated)
	w.AskAs(w.Tokens[auth.Viewer], http.MethodPut, "/api/v1/me/password", `{}`).Want(http.StatusConflict)
	for _, e := range w.Ask(http.MethodGet, "/api/v1/audit?action=password_changed", nil).List("entries") {
		if e["before"] != nil || e["after"] != nil {
			t.Errorf("the audit log tells of a password: %v", e)
		}
	}
}
