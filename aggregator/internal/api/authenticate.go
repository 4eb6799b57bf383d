// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// tokenMemory is how long a valid token or session is believed without asking the store: one that was revoked at
	// another aggregator, or whose owner's roles changed, works that much longer.
	tokenMemory = 5 * time.Second
	// rememberedTokens bounds the memory.
	rememberedTokens = 10_000
)

// SessionCookie is the cookie of people who signed in.
const SessionCookie = "rollcall_session"

// Authenticator knows the holders of API tokens and sessions. It is safe for concurrent use.
type Authenticator struct {
	// Origin tells where a request comes from; nil: from the peer of its connection. It is set before the first request.
	Origin func(*http.Request) netip.Addr

	token, session func(context.Context, auth.Digest) (store.Holder, error)
	origin         *http.CrossOriginProtection
	now            func() time.Time

	mu        sync.Mutex
	known     map[secretKey]knownHolder
	forgotten int // how often Forget was called
}

// secretKey names a secret by where it was and its digest: a token is no session.
type secretKey struct {
	cookie bool
	digest auth.Digest
}

type knownHolder struct {
	principal auth.Principal
	until     time.Time
}

// NewAuthenticator looks tokens and sessions up in the store, and remembers the valid ones for a moment.
func NewAuthenticator(s *store.Store) *Authenticator {
	return &Authenticator{
		token: s.TokenByDigest, session: s.SessionByDigest, origin: http.NewCrossOriginProtection(), now: time.Now,
		known: map[secretKey]knownHolder{},
	}
}

// Forget makes the authenticator ask the store about everybody: somebody's roles or tokens were changed.
func (a *Authenticator) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.known)
	a.forgotten++
}

// SameOrigin returns a 403 for a request by which a page of somebody else's would change something with a browser's
// cookies.
func (a *Authenticator) SameOrigin(r *http.Request) error {
	if err := a.origin.Check(r); err != nil {
		return Refuse(http.StatusForbidden, "A page of another site may not do this with somebody's session.")
	}
	return nil
}

// SessionOf returns the digest of the session that a request counts on: one with a token counts on that.
func SessionOf(r *http.Request) (auth.Digest, bool) {
	if _, err := auth.FromHeader(r.Header.Get("Authorization"), auth.TokenScheme, auth.BearerScheme); !errors.Is(err, auth.ErrNoCredentials) {
		return auth.Digest{}, false
	}
	cookie, err := r.Cookie(SessionCookie)
	if err != nil {
		return auth.Digest{}, false
	}
	return auth.DigestOf(cookie.Value), true
}

// authorise returns who sent the request and which machines the route may show them, or the problem to answer with: 401
// without a valid token or session, 403 without a permission or where the route tells of more machines than they may see.
func (a *Authenticator) authorise(r *http.Request, route *Route, schemes []auth.Scheme) (auth.Principal, error) {
	principal, err := a.authenticate(r, schemes, route.Cookie)
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
	_, view, _ := strings.Cut(route.Pattern, " ")
	principal.Request = auth.NewRequest(r.UserAgent(), a.addressOf(r), r.Method, r.URL.Path, view)
	return principal, nil
}

// Again asks once more who sent a request that lasts, and whether they still may use the route.
func (d *Door) Again(r *http.Request, route Route) (auth.Principal, error) {
	route.Cookie = route.Cookie || d.Cookies
	return d.Auth.authorise(r, &route, d.Schemes)
}

// addressOf is where a request comes from, as far as that is known.
func (a *Authenticator) addressOf(r *http.Request) netip.Addr {
	if a.Origin != nil {
		return a.Origin(r)
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // none is the zero address
	return peer.Addr().Unmap()
}

func listed(permissions []auth.Permission) string {
	names := make([]string, len(permissions))
	for i, p := range permissions {
		names[i] = string(p)
	}
	return strings.Join(names, " and ")
}

func (a *Authenticator) authenticate(r *http.Request, schemes []auth.Scheme, cookies bool) (auth.Principal, error) {
	secret, err := auth.FromHeader(r.Header.Get("Authorization"), schemes...)
	if errors.Is(err, auth.ErrNoCredentials) && cookies {
		if cookie, missing := r.Cookie(SessionCookie); missing == nil {
			if err := a.SameOrigin(r); err != nil {
				return auth.Principal{}, err
			}
			return a.holder(r.Context(), secretKey{true, auth.DigestOf(cookie.Value)}, a.session, auth.ErrNoCredentials)
		}
	}
	if err == nil {
		err = auth.CheckToken(secret)
	}
	if err != nil {
		return auth.Principal{}, Refuse(http.StatusUnauthorized, "%v", err)
	}
	return a.holder(r.Context(), secretKey{false, auth.DigestOf(secret)}, a.token, auth.ErrInvalidToken)
}

// holder returns whose the secret is; unknown is what an unknown one is answered with.
func (a *Authenticator) holder(
	ctx context.Context, key secretKey, find func(context.Context, auth.Digest) (store.Holder, error), unknown error,
) (auth.Principal, error) {
	principal, forgotten, ok := a.recall(key)
	if ok {
		return principal, nil
	}
	found, err := find(ctx, key.digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return auth.Principal{}, Refuse(http.StatusUnauthorized, "%v", unknown)
	case err != nil:
		return auth.Principal{}, err
	case found.Disabled:
		return auth.Principal{}, Refuse(http.StatusUnauthorized, "%v", auth.ErrInactive)
	}
	a.remember(key, found, forgotten)
	return found.Principal, nil
}

// recall returns whose the secret is as far as it is known, and how often all was forgotten until now.
func (a *Authenticator) recall(key secretKey) (principal auth.Principal, forgotten int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.known[key]
	if !ok || !a.now().Before(known.until) {
		return auth.Principal{}, a.forgotten, false
	}
	return known.principal, a.forgotten, true
}

// remember keeps what the store said, unless something was changed since it was asked.
func (a *Authenticator) remember(key secretKey, found store.Holder, forgotten int) {
	until := a.now().Add(tokenMemory)
	if found.ExpiresAt != nil && found.ExpiresAt.Before(until) {
		until = *found.ExpiresAt
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if forgotten != a.forgotten {
		return
	}
	if len(a.known) >= rememberedTokens {
		clear(a.known)
	}
	a.known[key] = knownHolder{principal: found.Principal, until: until}
}
