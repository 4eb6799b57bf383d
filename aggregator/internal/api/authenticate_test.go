// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestWhatWasRevokedWhileTheStoreWasAskedIsNotRemembered(t *testing.T) {
	t.Parallel()
	secret := auth.NewToken(auth.User)
	revoked := false
	a := &Authenticator{now: time.Now, known: map[secretKey]knownHolder{}}
	a.token = func(context.Context, auth.Digest) (store.Holder, error) {
		if revoked {
			return store.Holder{}, store.ErrNotFound
		}
		revoked = true // right behind the store's answer
		a.Forget()
		return store.Holder{Principal: auth.Principal{Kind: auth.User, ID: 1}}, nil
	}
	ask := func() error {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Token "+secret)
		_, err := a.authenticate(r, []auth.Scheme{auth.TokenScheme}, false)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if p, ok := errors.AsType[*Problem](ask()); !ok || p.Status != http.StatusUnauthorized {
		t.Error("a revoked token is remembered")
	}
}

func TestAPathWithOneRouteWantsItsPermissionsWhateverTheMethod(t *testing.T) {
	t.Parallel()
	secrets := map[string]auth.Set{
		auth.NewToken(auth.User): {}, auth.NewToken(auth.User): auth.SetOf("a"), auth.NewToken(auth.User): auth.SetOf("b"),
	}
	known := &tokens{byDigest: map[auth.Digest]store.Holder{}}
	for secret, permissions := range secrets {
		principal := auth.Principal{Kind: auth.User, ID: 1, Grants: []auth.Grant{{Permissions: permissions}}}
		known.byDigest[auth.DigestOf(secret)] = store.Holder{Principal: principal}
	}
	door := &Door{
		Auth:    &Authenticator{token: known.find, now: time.Now, known: map[secretKey]knownHolder{}},
		Schemes: []auth.Scheme{auth.TokenScheme}, WhoFirst: true, Log: slog.New(slog.DiscardHandler),
	}
	mux := http.NewServeMux()
	nothing := func(http.ResponseWriter, *http.Request) error { return nil }
	door.Mount(mux, []Route{
		{Pattern: "GET /one", Needs: Needs("a"), Handler: nothing},
		{Pattern: "POST /post", Needs: Needs("a"), Handler: nothing},
		{Pattern: "GET /two", Needs: Needs("a"), Handler: nothing},
		{Pattern: "PUT /two", Needs: Needs("b"), Handler: nothing},
	})
	for path, strict := range map[string]bool{"/one": true, "/post": true, "/two": false} {
		for secret, permissions := range secrets {
			r := httptest.NewRequest(http.MethodPatch, path, nil)
			r.Header.Set("Authorization", "Token "+secret)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			want := http.StatusMethodNotAllowed
			if strict && !permissions.Has("a") {
				want = http.StatusForbidden
			}
			if w.Code != want {
				t.Errorf("PATCH %s with %v: got %d, want %d", path, permissions, w.Code, want)
			}
		}
	}
}
