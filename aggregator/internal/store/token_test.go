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

func TestTokenIsFoundByItsDigestUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	digest := auth.DigestOf("secret")
	created := must(w.CreateToken(ctx, "ci", auth.Admin, digest, nil))(t)
	if created.ID == "" || created.Name != "ci" || created.Role != auth.Admin || created.LastUsedAt != nil {
		t.Errorf("created: got %+v", created)
	}
	found := must(w.TokenByDigest(ctx, digest))(t)
	if found.ID != created.ID {
		t.Errorf("id: got %s, want %s", found.ID, created.ID)
	}
	if _, err := w.CreateToken(ctx, "ci", auth.Viewer, auth.DigestOf("other"), nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("second token of that name: got %v", err)
	}
	for range 2 { // the second time changes nothing
		if err := w.RevokeToken(ctx, "ci"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.TokenByDigest(ctx, digest); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoked token: got %v", err)
	}
	if err := w.RevokeToken(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoke an unknown token: got %v", err)
	}
	if tokens := must(w.ListTokens(ctx))(t); len(tokens) != 1 || tokens[0].RevokedAt == nil {
		t.Errorf("list: got %+v", tokens)
	}
}

func TestExpiredOrUnknownTokenIsNotFound(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	must(w.CreateToken(ctx, "old", auth.Viewer, auth.DigestOf("old"), &past))(t)
	must(w.CreateToken(ctx, "new", auth.Viewer, auth.DigestOf("new"), &future))(t)
	for secret, want := range map[string]error{"old": store.ErrNotFound, "none": store.ErrNotFound, "new": nil} {
		if _, err := w.TokenByDigest(ctx, auth.DigestOf(secret)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", secret, err, want)
		}
	}
}

func TestUseOfATokenIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	digest := auth.DigestOf("secret")
	must(w.CreateToken(ctx, "ci", auth.Viewer, digest, nil))(t)
	used := func() time.Time {
		t.Helper()
		must(w.TokenByDigest(ctx, digest))(t)
		return *must(w.ListTokens(ctx))(t)[0].LastUsedAt
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
