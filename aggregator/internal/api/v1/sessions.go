// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// sessionTerm is how long somebody who signed in stays it.
const sessionTerm = 12 * time.Hour

// errWrongPassword is all that a client hears, whether there is no such user, they are disabled, or the password is wrong.
var errWrongPassword = api.Refuse(http.StatusUnauthorized, "No user has this name and password.")

func isWrongPassword(err error) bool { return errors.Is(err, errWrongPassword) }

// session is what a client hears of its own.
type session struct {
	Principal principal  `json:"principal"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// postSession signs somebody in. The secret of the session goes into a cookie and nowhere else.
func (a *API) postSession(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := decodeAccess(w, r, &body); err != nil {
		return err
	}
	if err := a.who.SameOrigin(r); err != nil {
		return err
	}
	known, who, err := a.verify(w, r, body.Name, body.Password)
	if err != nil {
		return err
	}
	secret := auth.NewSessionSecret()
	end, err := a.store.CreateSession(r.Context(), known, auth.DigestOf(secret), sessionTerm, who)
	if errors.Is(err, store.ErrNotFound) {
		return errWrongPassword // it was changed a moment ago
	}
	if err != nil {
		return err
	}
	setCookie(w, r, secret, end)
	found, err := a.store.SessionByDigest(r.Context(), auth.DigestOf(secret))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusCreated, session{Principal: principalOf(found.Principal), ExpiresAt: inUTC(found.ExpiresAt)})
}

func (a *API) getSession(w http.ResponseWriter, r *http.Request) error {
	digest, err := currentSession(r)
	if err != nil {
		return err
	}
	found, err := a.store.SessionByDigest(r.Context(), digest)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, session{Principal: principalOf(found.Principal), ExpiresAt: inUTC(found.ExpiresAt)})
}

// deleteSession signs somebody out.
func (a *API) deleteSession(w http.ResponseWriter, r *http.Request) error {
	digest, err := currentSession(r)
	if err != nil {
		return err
	}
	if err := a.store.EndSession(r.Context(), digest); err != nil {
		return err
	}
	a.who.Forget()
	setCookie(w, r, "", time.Unix(0, 0))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// currentSession is that of the request; who comes with a token has none.
func currentSession(r *http.Request) (auth.Digest, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return auth.Digest{}, err
	}
	digest, ok := api.SessionOf(r)
	if !ok {
		return auth.Digest{}, api.Refuse(http.StatusNotFound, "This request has a token and no session.")
	}
	return digest, nil
}

// setCookie gives the browser a session until its end; one in the past takes it away. What a proxy says about TLS is
// believed from everybody: who lies about it only keeps the cookie to themselves.
func setCookie(w http.ResponseWriter, r *http.Request, secret string, end time.Time) {
	cookie := &http.Cookie{
		Name: api.SessionCookie, Value: secret, Path: "/", Expires: end, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
	if secret == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// network is what the throttle counts by: an address, and of IPv6 the network that one customer has.
func network(address netip.Addr) string {
	const customer = 64
	if address.Is6() {
		if prefix, err := address.Prefix(customer); err == nil {
			return prefix.String()
		}
	}
	return address.String()
}

// retryAfter tells a client that was throttled how many seconds to wait.
func retryAfter(w http.ResponseWriter, err error) {
	if throttled, ok := errors.AsType[*store.ThrottledError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(throttled.Wait.Seconds()))))
	}
}

// couldBeName tells names from what no account is called; the database takes no NUL.
func couldBeName(name string) bool {
	return name != "" && len(name) <= maxAccessBytes && !strings.ContainsFunc(name, unicode.IsControl)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
