// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// principal is who asks, and what they may do.
type principal struct {
	Kind   auth.Kind `json:"kind"`
	ID     int64     `json:"id"`
	Name   string    `json:"name"`
	Grants []granted `json:"grants"`
}

// granted is what one role lets them do.
type granted struct {
	Permissions []string `json:"permissions"`
	Tags        []int64  `json:"tags"` // null: for every machine
}

func principalOf(p auth.Principal) principal {
	out := principal{Kind: p.Kind, ID: p.ID, Name: p.Name, Grants: []granted{}}
	for _, g := range p.Grants {
		out.Grants = append(out.Grants, granted{g.Permissions.Names(), g.Scope.Tags})
	}
	return out
}

func (a *API) getMe(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	return api.WriteJSON(w, http.StatusOK, principalOf(p))
}

// listPermissions lists what a role can have.
func (a *API) listPermissions(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"permissions": auth.Permissions()})
}
