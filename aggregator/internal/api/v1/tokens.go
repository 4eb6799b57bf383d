// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// What it takes to have a hand in the tokens of others; one's own take nothing.
const (
	viewTokens   auth.Permission = "accounts.view_apitoken"
	addTokens    auth.Permission = "accounts.add_apitoken"
	deleteTokens auth.Permission = "accounts.delete_apitoken"
)

// maxTokenName bounds the name of a token, in bytes.
const maxTokenName = 150

// token is an API token as clients see it.
type token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Principal  owner      `json:"principal"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	// Secret is the token itself; only the answer to its creation has it.
	Secret string `json:"token,omitempty"`
}

// owner is whose it is.
type owner struct {
	Kind auth.Kind `json:"kind"`
	ID   int64     `json:"id"`
	Name string    `json:"name"`
}

func tokenOf(t store.Token) token {
	return token{
		ID: t.ID, Name: t.Name, Principal: owner{t.PrincipalKind, t.PrincipalID, t.PrincipalName}, CreatedAt: t.CreatedAt.UTC(),
		ExpiresAt: inUTC(t.ExpiresAt), LastUsedAt: inUTC(t.LastUsedAt), RevokedAt: inUTC(t.RevokedAt),
	}
}

// listTokens lists one's own tokens, or everybody's to those who may see them.
func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	list := a.list("tokens")
	var after store.TokenKey
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	whose := p.ID
	if p.Can(viewTokens) {
		whose = 0
	}
	found, err := a.store.ListTokens(r.Context(), whose, after, limit)
	if err != nil {
		return err
	}
	tokens := []token{}
	for _, one := range found {
		tokens = append(tokens, tokenOf(one))
	}
	next := nextCursor(list, len(found), limit, func() any {
		return store.TokenKey{Name: found[len(found)-1].Name, ID: found[len(found)-1].ID}
	})
	return api.WriteJSON(w, http.StatusOK, map[string]any{"tokens": tokens, "next_cursor": next})
}

// postToken makes a token of one's own, or of somebody else who may do no more.
func (a *API) postToken(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name      string     `json:"name"`
		Principal *int64     `json:"principal"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	if err := decodeAccess(w, r, &body); err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	n := store.NewToken{Principal: p.ID, Name: strings.TrimSpace(body.Name), ExpiresAt: body.ExpiresAt}
	kind := p.Kind
	if body.Principal != nil && *body.Principal != p.ID {
		if !p.Can(addTokens) {
			return forbidden(addTokens)
		}
		holder, err := a.anyAccount(r, *body.Principal)
		if err != nil {
			return err
		}
		n.Principal, kind = holder.ID, holder.Kind
	}
	if problems := tokenProblems(n, p.Until); len(problems) > 0 {
		return problems
	}
	secret := auth.NewToken(kind)
	n.Digest = auth.DigestOf(secret)
	created, err := a.store.CreateToken(r.Context(), n)
	if errors.Is(err, store.ErrExists) {
		return compliance.FieldErrors{"name": {"There is a token with this name already."}}
	}
	if err != nil {
		return err
	}
	answer := tokenOf(created)
	answer.Secret = secret
	w.Header().Set("Cache-Control", "no-store")
	return api.WriteJSON(w, http.StatusCreated, answer)
}

// tokenProblems says what is wrong with a new token. One that is made with a token that ends ends no later: nobody who
// found a token can make it last.
func tokenProblems(n store.NewToken, until *time.Time) compliance.FieldErrors {
	problems := compliance.FieldErrors{}
	switch {
	case n.Name == "":
		problems["name"] = []string{"This field may not be blank."}
	case len(n.Name) > maxTokenName || strings.ContainsFunc(n.Name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		problems["name"] = []string{"Not a valid name."}
	}
	switch {
	case n.ExpiresAt != nil && !n.ExpiresAt.After(time.Now()):
		problems["expires_at"] = []string{"It would be over already."}
	case until != nil && (n.ExpiresAt == nil || n.ExpiresAt.After(*until)):
		problems["expires_at"] = []string{"The token that asks ends at " + stamp(*until) + "; a token that it makes ends no later."}
	}
	return problems
}

// anyAccount returns a user or service account by its id.
func (a *API) anyAccount(r *http.Request, id int64) (store.Account, error) {
	found, err := a.store.Account(r.Context(), auth.User, id)
	if errors.Is(err, store.ErrNotFound) {
		found, err = a.store.Account(r.Context(), auth.ServiceAccount, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.Account{}, compliance.FieldErrors{"principal": {"There is no user or service account with this id."}}
	}
	return found, err
}

// deleteToken revokes a token. Somebody else's is like an unknown one to those who may not see it.
func (a *API) deleteToken(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return store.ErrNotFound
	}
	found, err := a.store.Token(r.Context(), id.String())
	if err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	switch {
	case found.PrincipalID == p.ID, p.Can(deleteTokens):
	case p.Can(viewTokens):
		return forbidden(deleteTokens)
	default:
		return store.ErrNotFound
	}
	if err := a.store.RevokeToken(r.Context(), found.ID); err != nil {
		return err
	}
	a.who.Forget()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func forbidden(p auth.Permission) error {
	return api.Refuse(http.StatusForbidden, "%v It takes %s.", auth.ErrPermissionDenied, p)
}
