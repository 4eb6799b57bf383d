// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// role is a role as clients see it.
type role struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Permissions []string  `json:"permissions"`
	Tags        []int64   `json:"tags"` // null: for every machine
	BuiltIn     bool      `json:"built_in"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// newRole is what a client says about one.
type newRole struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Permissions []string `json:"permissions"`
	Tags        []int64  `json:"tags"`
}

func roleOf(r store.Role) role {
	return role{
		ID: r.ID, Name: r.Name, Description: r.Description, Permissions: r.Permissions, Tags: r.Tags, BuiltIn: r.BuiltIn,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

func (n *newRole) role(id int64) store.Role {
	return store.Role{ID: id, Name: n.Name, Description: n.Description, Permissions: n.Permissions, Tags: n.Tags}
}

func (a *API) listRoles(w http.ResponseWriter, r *http.Request) error {
	list := a.list("roles")
	var after int64
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	found, err := a.store.ListRoles(r.Context(), after, limit)
	if err != nil {
		return err
	}
	roles := []role{}
	for _, one := range found {
		roles = append(roles, roleOf(one))
	}
	next := nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, map[string]any{"roles": roles, "next_cursor": next})
}

func (a *API) getRole(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	found, err := a.store.Role(r.Context(), id)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, roleOf(found))
}

func (a *API) postRole(w http.ResponseWriter, r *http.Request) error {
	var body newRole
	if err := decodeAccess(w, r, &body); err != nil {
		return err
	}
	created, err := a.store.CreateRole(r.Context(), body.role(0))
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/roles/%d", created.ID))
	return api.WriteJSON(w, http.StatusCreated, roleOf(created))
}

// putRole replaces a role as a whole, for everybody who has it.
func (a *API) putRole(w http.ResponseWriter, r *http.Request) error {
	var body newRole
	if err := decodeAccess(w, r, &body); err != nil {
		return err
	}
	id, err := pathID(r)
	if err != nil {
		return err
	}
	stored, err := a.store.PutRole(r.Context(), body.role(id))
	if err != nil {
		return err
	}
	a.who.Forget()
	return api.WriteJSON(w, http.StatusOK, roleOf(stored))
}

func (a *API) deleteRole(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	if err := a.store.DeleteRole(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
