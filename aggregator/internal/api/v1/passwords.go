// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// hash checks a new password and returns its hash; field is where the body has it.
func (a *API) hash(r *http.Request, field, password string) (string, error) {
	if err := auth.CheckPassword(password); err != nil {
		return "", compliance.FieldErrors{field: {err.Error()}}
	}
	return a.passwords.Hash(r.Context(), password)
}

// putPassword gives a user another password, and ends their sessions.
func (a *API) putPassword(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Password string `json:"password"`
	}
	if err := decodeAccess(w, r, &body); err != nil {
		return err
	}
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return a.setPassword(w, r, id, body.Password, nil)
}

// putOwnPassword gives the one who asks another password, and ends their other sessions. It takes the one they have.
func (a *API) putOwnPassword(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Current  string `json:"current_password"`
		Password string `json:"password"`
	}
	if err := decodeAccess(w, r, &body); err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	if p.Kind != auth.User {
		return api.Refuse(http.StatusConflict, "Only users sign in with a password.")
	}
	_, who, err := a.verify(w, r, p.Name, body.Current)
	if err != nil {
		if isWrongPassword(err) {
			return compliance.FieldErrors{"current_password": {"It is not the password."}}
		}
		return err
	}
	if err := a.store.TakeBackAttempt(r.Context(), who); err != nil {
		return err
	}
	var keep *auth.Digest
	if digest, ok := api.SessionOf(r); ok {
		keep = &digest
	}
	return a.setPassword(w, r, p.ID, body.Password, keep)
}

func (a *API) setPassword(w http.ResponseWriter, r *http.Request, user int64, password string, keep *auth.Digest) error {
	if _, err := a.store.Account(r.Context(), auth.User, user); err != nil {
		return err
	}
	hash, err := a.hash(r, "password", password)
	if err != nil {
		return err
	}
	if err := a.store.SetPassword(r.Context(), user, hash, keep); err != nil {
		return err
	}
	a.who.Forget()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// verify returns the credentials that a name and password belong to, once the throttle lets the attempt through. The
// attempt stays counted until the store is told that all went well.
func (a *API) verify(w http.ResponseWriter, r *http.Request, name, password string) (store.Credentials, store.SignIn, error) {
	var known store.Credentials
	if couldBeName(name) {
		var err error
		known, err = a.store.CredentialsOf(r.Context(), name)
		if err = ignoreNotFound(err); err != nil {
			return store.Credentials{}, store.SignIn{}, err
		}
	}
	view := r.Pattern[strings.IndexByte(r.Pattern, ' ')+1:] // without the method, if it has one
	who := store.SignIn{
		Name: name, Address: network(a.origin(r)),
		Request: auth.NewRequest(r.UserAgent(), a.origin(r), r.Method, r.URL.Path, view),
	}
	if known.Principal != 0 {
		who.Name = known.Name // however it was spelled
	}
	if err := a.store.AttemptSignIn(r.Context(), who); err != nil {
		retryAfter(w, err)
		return store.Credentials{}, who, err
	}
	right, err := a.passwords.Verify(r.Context(), known.PasswordHash, password) // an unknown name takes as long
	if err != nil {
		return store.Credentials{}, who, err
	}
	if !right || known.Disabled {
		if err := a.store.RefuseSession(r.Context(), known, who); err != nil {
			return store.Credentials{}, who, err
		}
		return store.Credentials{}, who, errWrongPassword
	}
	return known, who, nil
}
