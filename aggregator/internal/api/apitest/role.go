// SPDX-License-Identifier: Apache-2.0

package apitest

import (
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Role is what a test wants somebody to be allowed.
type Role struct {
	Permissions []auth.Permission // none: of a viewer
	Tags        []int64           // only for machines with one of them; none: for every machine
}

// TokenFor returns a token of a new service account that has exactly these roles.
func (w *World) TokenFor(roles ...Role) string {
	w.t.Helper()
	name := "role " + auth.NewEnrollmentSecret()[:12]
	account := store.Account{Kind: auth.ServiceAccount, Name: name}
	for i, r := range roles {
		role := store.Role{Name: fmt.Sprintf("%s %d", name, i), Tags: r.Tags}
		for _, p := range r.Permissions {
			role.Permissions = append(role.Permissions, string(p))
		}
		if len(r.Permissions) == 0 {
			role.Permissions = auth.Viewer.Permissions().Names()
		}
		if _, err := w.Store.CreateRole(w.t.Context(), role); err != nil {
			w.t.Fatal(err)
		}
		account.Roles = append(account.Roles, role.Name)
	}
	return w.tokenOf(account)
}

// TokenOfNobody returns a token of a new service account without any role.
func (w *World) TokenOfNobody() string { return w.TokenFor() }

func (w *World) tokenOf(account store.Account) string {
	w.t.Helper()
	a, err := w.Store.CreateAccount(w.t.Context(), account, "")
	if err != nil {
		w.t.Fatal(err)
	}
	token := auth.NewToken(auth.ServiceAccount)
	if _, err := w.Store.CreateToken(w.t.Context(), store.NewToken{Principal: a.ID, Name: a.Name, Digest: auth.DigestOf(token)}); err != nil {
		w.t.Fatal(err)
	}
	return token
}
