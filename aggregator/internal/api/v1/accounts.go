// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxAccessBytes bounds the bodies about users, roles, tokens and sessions.
const maxAccessBytes = 64 << 10

// accountKind is a kind of account and where it is found.
type accountKind struct {
	kind auth.Kind
	name string // of the list, and of the last part of its path
}

var (
	users           = accountKind{auth.User, "users"}
	serviceAccounts = accountKind{auth.ServiceAccount, "service_accounts"}
)

// account is a user or service account as clients see it.
type account struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"display_name"`
	Email       string     `json:"email"`
	Roles       []string   `json:"roles"`
	Disabled    bool       `json:"disabled"`
	HasPassword bool       `json:"has_password"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	LastLoginAt *time.Time `json:"last_login_at"`
}

// newAccount is what a client says about one.
type newAccount struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Email       string   `json:"email"`
	Roles       []string `json:"roles"`
	Disabled    bool     `json:"disabled"`
	Password    *string  `json:"password"` // of a new user only
}

func accountOf(a store.Account) account {
	return account{
		ID: a.ID, Name: a.Name, DisplayName: a.DisplayName, Email: a.Email, Roles: append([]string{}, a.Roles...),
		Disabled: a.DisabledAt != nil, HasPassword: a.HasPassword, CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
		LastLoginAt: inUTC(a.LastLoginAt),
	}
}

func (n *newAccount) account(kind auth.Kind, id int64) store.Account {
	a := store.Account{ID: id, Kind: kind, Name: n.Name, DisplayName: n.DisplayName, Email: n.Email, Roles: append([]string{}, n.Roles...)}
	if n.Disabled {
		now := time.Now()
		a.DisabledAt = &now
	}
	return a
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.UTC()
	return &at
}

func (a *API) listAccounts(k accountKind) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		list := a.list(k.name)
		var after int64
		limit, err := readPage(r, list, &after)
		if err != nil {
			return err
		}
		found, err := a.store.ListAccounts(r.Context(), k.kind, after, limit)
		if err != nil {
			return err
		}
		accounts := []account{}
		for _, one := range found {
			accounts = append(accounts, accountOf(one))
		}
		next := nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
		return api.WriteJSON(w, http.StatusOK, map[string]any{k.name: accounts, "next_cursor": next})
	}
}

func (a *API) postAccount(k accountKind) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var body newAccount
		if err := decodeAccess(w, r, &body); err != nil {
			return err
		}
		hash := ""
		if body.Password != nil {
			if k.kind != auth.User {
				return compliance.FieldErrors{"password": {"Only users sign in with a password."}}
			}
			var err error
			if hash, err = a.hash(r, "password", *body.Password); err != nil {
				return err
			}
		}
		created, err := a.store.CreateAccount(r.Context(), body.account(k.kind, 0), hash)
		if err != nil {
			return err
		}
		w.Header().Set("Location", fmt.Sprintf("/api/v1/%s/%d", k.name, created.ID))
		return api.WriteJSON(w, http.StatusCreated, accountOf(created))
	}
}

func (a *API) getAccount(k accountKind) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := plainID(r)
		if err != nil {
			return err
		}
		found, err := a.store.Account(r.Context(), k.kind, id)
		if err != nil {
			return err
		}
		return api.WriteJSON(w, http.StatusOK, accountOf(found))
	}
}

// putAccount replaces an account as a whole, but for its password.
func (a *API) putAccount(k accountKind) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var body newAccount
		if err := decodeAccess(w, r, &body); err != nil {
			return err
		}
		id, err := pathID(r)
		if err != nil {
			return err
		}
		switch {
		case body.Password != nil:
			return compliance.FieldErrors{"password": {"Change it at the address of the password."}}
		case body.Disabled && isSelf(r, id):
			return api.Refuse(http.StatusConflict, "Nobody disables their own account.")
		}
		stored, err := a.store.PutAccount(r.Context(), body.account(k.kind, id))
		if err != nil {
			return err
		}
		a.who.Forget()
		return api.WriteJSON(w, http.StatusOK, accountOf(stored))
	}
}

func (a *API) deleteAccount(k accountKind) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := plainID(r)
		if err != nil {
			return err
		}
		if isSelf(r, id) {
			return api.Refuse(http.StatusConflict, "Nobody deletes their own account.")
		}
		if err := a.store.DeleteAccount(r.Context(), k.kind, id); err != nil {
			return err
		}
		a.who.Forget()
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

func isSelf(r *http.Request, id int64) bool {
	p, _ := auth.PrincipalOf(r.Context())
	return p.ID == id
}

// decodeAccess reads the body of a request without a query.
func decodeAccess(w http.ResponseWriter, r *http.Request, body any) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	return api.DecodeJSON(w, r, maxAccessBytes, body)
}

// plainID returns the id in the path of a request without a query.
func plainID(r *http.Request) (int64, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return 0, err
	}
	return pathID(r)
}

func pathID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("id %q: %w", r.PathValue("id"), store.ErrNotFound)
	}
	return id, nil
}
