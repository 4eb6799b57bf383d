// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// token stores a token with an account of its own.
func (w *world) token(name string, role auth.Role, expires *time.Time) store.Token {
	w.t.Helper()
	n := store.NewToken{Name: name, Digest: auth.DigestOf(name), ExpiresAt: expires}
	return must(w.CreateTokenAccount(w.t.Context(), n, string(role)))(w.t)
}

func (w *world) tokens() []store.Token {
	w.t.Helper()
	return must(w.ListTokens(w.t.Context(), 0, store.TokenKey{}, 100))(w.t)
}

func TestTokenIsFoundByItsDigestUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	created := w.token("ci", auth.Admin, nil)
	if created.ID == "" || created.Name != "ci" || created.PrincipalName != "ci" || created.LastUsedAt != nil {
		t.Errorf("created: got %+v", created)
	}
	found := must(w.TokenByDigest(ctx, auth.DigestOf("ci")))(t)
	if p := found.Principal; p.ID != created.PrincipalID || p.Kind != auth.ServiceAccount || p.Name != "ci" || !p.Can(auth.DeleteInventory) || found.Disabled {
		t.Errorf("got %+v", found)
	}
	if _, err := w.CreateTokenAccount(ctx, store.NewToken{Name: "CI", Digest: auth.DigestOf("other")}, "viewer"); !errors.Is(err, store.ErrExists) {
		t.Errorf("second account of that name: got %v", err)
	}
	if _, err := w.CreateToken(ctx, store.NewToken{Principal: created.PrincipalID, Name: "ci", Digest: auth.DigestOf("other")}); !errors.Is(err, store.ErrExists) {
		t.Errorf("second token of that name: got %v", err)
	}
	if _, err := w.CreateTokenAccount(ctx, store.NewToken{Name: "x", Digest: auth.DigestOf("x")}, "king"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown role: got %v", err)
	}
	for range 2 { // the second time changes nothing
		if err := w.RevokeToken(ctx, created.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.TokenByDigest(ctx, auth.DigestOf("ci")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoked token: got %v", err)
	}
	for _, id := range []string{"nobody", "6f1c1a52-58a5-4dd8-8a5b-3f2f6ee8a4f5"} {
		if err := w.RevokeToken(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoke %s: got %v", id, err)
		}
	}
	if tokens := w.tokens(); len(tokens) != 1 || tokens[0].RevokedAt == nil {
		t.Errorf("list: got %+v", tokens)
	}
}

func TestExpiredOrUnknownTokenIsNotFound(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	w.token("old", auth.Viewer, &past)
	w.token("new", auth.Viewer, &future)
	for secret, want := range map[string]error{"old": store.ErrNotFound, "none": store.ErrNotFound, "new": nil} {
		if _, err := w.TokenByDigest(ctx, auth.DigestOf(secret)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", secret, err, want)
		}
	}
}

func TestUseOfATokenIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.token("ci", auth.Viewer, nil)
	used := func() time.Time {
		t.Helper()
		must(w.TokenByDigest(ctx, auth.DigestOf("ci")))(t)
		return *w.tokens()[0].LastUsedAt
	}
	first := used()
	if second := used(); !second.Equal(first) {
		t.Errorf("a second use within the minute: got %s, want %s", second, first)
	}
	w.exec("UPDATE api_token SET last_used_at = last_used_at - interval '61 seconds'")
	if third := used(); !third.After(first) {
		t.Errorf("a use after a minute: got %s, want later than %s", third, first)
	}
}

func TestTokensAreListedInPages(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for _, name := range []string{"b", "a", "c"} {
		w.token(name, auth.Viewer, nil)
	}
	first := must(w.ListTokens(ctx, 0, store.TokenKey{}, 2))(t)
	rest := must(w.ListTokens(ctx, 0, store.TokenKey{Name: first[1].Name, ID: first[1].ID}, 2))(t)
	if len(first) != 2 || first[0].Name != "a" || first[1].Name != "b" || len(rest) != 1 || rest[0].Name != "c" {
		t.Errorf("got %+v and %+v", first, rest)
	}
	if own := must(w.ListTokens(ctx, rest[0].PrincipalID, store.TokenKey{}, 10))(t); len(own) != 1 || own[0].Name != "c" {
		t.Errorf("of one account: got %+v", own)
	}
}
