// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// tokenMemory is how long a valid token is believed without asking the store: a revoked one works that much longer.
	tokenMemory = 5 * time.Second
	// rememberedTokens bounds the memory.
	rememberedTokens = 10_000
)

// Authenticator knows the holders of API tokens. It is safe for concurrent use.
type Authenticator struct {
	find func(context.Context, auth.Digest) (store.Token, error)
	now  func() time.Time

	mu    sync.Mutex
	known map[auth.Digest]knownToken
}

type knownToken struct {
	principal auth.Principal
	until     time.Time
}

// NewAuthenticator looks tokens up in the store, and remembers the valid ones for a moment.
func NewAuthenticator(s *store.Store) *Authenticator {
	return &Authenticator{find: s.TokenByDigest, now: time.Now, known: map[auth.Digest]knownToken{}}
}

// authorise returns who sent the request and which machines the route may show them, or the problem to answer with: 401
// without a valid token, 403 without a permission or where the route tells of more machines than they may see.
func (a *Authenticator) authorise(r *http.Request, route *Route, schemes []auth.Scheme) (auth.Principal, error) {
	principal, err := a.authenticate(r, schemes)
	if err != nil {
		return auth.Principal{}, err
	}
	if route.Needs == nil {
		return auth.Principal{}, Refuse(http.StatusForbidden, "%v", auth.ErrPermissionDenied)
	}
	reach, ok := principal.ScopeOf(route.Needs...)
	switch {
	case !ok:
		return auth.Principal{}, Refuse(http.StatusForbidden, "%v It takes %s.", auth.ErrPermissionDenied, listed(route.Needs))
	case !reach.All() && route.Reach == Fleet:
		return auth.Principal{}, Refuse(http.StatusForbidden, "%v It takes a role for every machine.", auth.ErrPermissionDenied)
	}
	principal.Reach = reach
	return principal, nil
}

func listed(permissions []auth.Permission) string {
	names := make([]string, len(permissions))
	for i, p := range permissions {
		names[i] = string(p)
	}
	return strings.Join(names, " and ")
}

func (a *Authenticator) authenticate(r *http.Request, schemes []auth.Scheme) (auth.Principal, error) {
	secret, err := auth.FromHeader(r.Header.Get("Authorization"), schemes...)
	if err == nil {
		err = auth.CheckToken(secret)
	}
	if err != nil {
		return auth.Principal{}, Refuse(http.StatusUnauthorized, "%v", err)
	}
	digest := auth.DigestOf(secret)
	if principal, ok := a.recall(digest); ok {
		return principal, nil
	}
	token, err := a.find(r.Context(), digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return auth.Principal{}, Refuse(http.StatusUnauthorized, "%v", auth.ErrInvalidToken)
	case err != nil:
		return auth.Principal{}, err
	}
	principal := principalOf(token, secret)
	a.remember(digest, principal, token.ExpiresAt)
	return principal, nil
}

// principalOf is the holder of a token; only the secret's prefix tells a person's from a program's.
func principalOf(token store.Token, secret string) auth.Principal {
	kind := auth.ServiceAccount
	if strings.HasPrefix(secret, "ztlu_") {
		kind = auth.User
	}
	return auth.Principal{Kind: kind, Name: token.Name, Grants: []auth.Grant{{Permissions: token.Role.Permissions()}}}
}

func (a *Authenticator) recall(digest auth.Digest) (auth.Principal, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.known[digest]
	if !ok || !a.now().Before(known.until) {
		return auth.Principal{}, false
	}
	return known.principal, true
}

func (a *Authenticator) remember(digest auth.Digest, principal auth.Principal, expires *time.Time) {
	until := a.now().Add(tokenMemory)
	if expires != nil && expires.Before(until) {
		until = *expires
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= rememberedTokens {
		clear(a.known)
	}
	a.known[digest] = knownToken{principal: principal, until: until}
}
