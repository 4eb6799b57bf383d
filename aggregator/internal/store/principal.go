// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// ErrBeyond says that somebody would give, or have a hand in, more than their own roles let them do.
var ErrBeyond = errors.New("beyond one's own permissions")

// Holder is who a token or session belongs to, with what its roles let it do at this moment.
type Holder struct {
	Principal auth.Principal
	Disabled  bool
	ExpiresAt *time.Time // of the token or session; nil: never
}

// grant is a role as the database tells it in JSON.
type grant struct {
	Name        string            `json:"name"`
	BuiltIn     bool              `json:"built_in"`
	Permissions []auth.Permission `json:"permissions"`
	Tags        []int64           `json:"tags"` // nil: every machine
}

func (g *grant) grant() auth.Grant {
	out := auth.Grant{Permissions: auth.SetOf(g.Permissions...)}
	if g.BuiltIn {
		out.Permissions = auth.Role(g.Name).Permissions()
	}
	if g.Tags != nil {
		out.Scope = auth.TaggedWith(g.Tags...)
	}
	return out
}

const (
	roleJSON = `
json_build_object('name', r.name, 'built_in', r.built_in, 'permissions', r.permissions,
    'tags', CASE WHEN r.scoped THEN ARRAY(SELECT s.tag FROM role_tag s WHERE s.role = r.id ORDER BY s.tag) END)`

	grantsJSON = `
coalesce((SELECT json_agg(` + roleJSON + ` ORDER BY r.name)
    FROM principal_role h JOIN role r ON r.id = h.role WHERE h.principal = p.id), '[]')::text`

	holderColumns = `p.kind, p.id, p.name, p.email, p.disabled_at IS NOT NULL, ` + grantsJSON
)

func scanHolder(row pgx.CollectableRow) (Holder, error) {
	var h Holder
	var grants string
	var token, name *string // NULL with a session
	err := row.Scan(&h.Principal.Kind, &h.Principal.ID, &h.Principal.Name, &h.Principal.Email, &h.Disabled, &grants, &h.ExpiresAt, &token, &name)
	if token != nil && name != nil {
		h.Principal.Token = &auth.ShownToken{ID: *token, Name: *name}
	}
	if err != nil {
		return h, err
	}
	h.Principal.Grants, err = decodeGrants(grants)
	return h, err
}

func decodeGrants(text string) ([]auth.Grant, error) {
	var rows []grant
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, fmt.Errorf("roles: %w", err)
	}
	grants := make([]auth.Grant, len(rows))
	for i := range rows {
		grants[i] = rows[i].grant()
	}
	return grants, nil
}

const grantsOfSQL = `
SELECT ` + grantsJSON + ` FROM principal p WHERE p.id = $1`

// mayTouch returns ErrBeyond when the principal of the context has not all that the other one may do: whoever sets its
// password or makes it a token can act as it.
func mayTouch(ctx context.Context, tx querier, principal int64) error {
	actor, ok := auth.PrincipalOf(ctx)
	if !ok || actor.ID == principal {
		return nil
	}
	var text string
	if err := tx.QueryRow(ctx, grantsOfSQL, principal).Scan(&text); err != nil {
		return notFound(err)
	}
	grants, err := decodeGrants(text)
	if err != nil {
		return err
	}
	return mayGrant(ctx, grants...)
}

// mayGrant returns ErrBeyond when the principal of the context has not all of the grants itself. The program itself may.
func mayGrant(ctx context.Context, grants ...auth.Grant) error {
	if actor, ok := auth.PrincipalOf(ctx); ok && !actor.MayGrant(grants...) {
		return ErrBeyond
	}
	return nil
}

// mayRetag returns ErrBeyond when other tags of a machine would let the principal of the context do more to it.
func mayRetag(ctx context.Context, before, after []int64) error {
	if actor, ok := auth.PrincipalOf(ctx); ok && actor.Gains(before, after) {
		return ErrBeyond
	}
	return nil
}
