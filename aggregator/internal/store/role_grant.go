// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// putScope makes the role's tags those of r, and returns the role as it is stored.
func putScope(ctx context.Context, tx pgx.Tx, r *Role) (Role, error) {
	if _, err := tx.Exec(ctx, clearScopeSQL, r.ID); err != nil {
		return Role{}, err
	}
	rows, _ := tx.Query(ctx, putScopeSQL, r.ID, r.Tags) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return Role{}, err
	}
	for i, tag := range r.Tags {
		if !slices.Contains(found, tag) {
			return Role{}, compliance.FieldErrors{fmt.Sprintf("tags[%d]", i): {fmt.Sprintf("There is no tag %d.", tag)}}
		}
	}
	return oneRole(ctx, tx, oneRoleSQL, r.ID)
}

const (
	lockRolesOfTagsSQL = rolesSQL + `
WHERE r.id IN (SELECT s.role FROM role_tag s WHERE s.tag = ANY ($1)) ORDER BY r.id FOR NO KEY UPDATE OF r`
	untagRolesSQL = `DELETE FROM role_tag WHERE tag = ANY ($1)`
)

// untagRoles takes tags out of the scopes of roles, which no role gets wider by, and returns what the audit log says of it.
func untagRoles(ctx context.Context, tx pgx.Tx, tags []int64) ([]Audit, error) {
	rows, _ := tx.Query(ctx, lockRolesOfTagsSQL, tags) // its error comes back from CollectRows
	roles, err := pgx.CollectRows(rows, scanRole)
	if err != nil {
		return nil, fmt.Errorf("roles of tags: %w", err)
	}
	if _, err := tx.Exec(ctx, untagRolesSQL, tags); err != nil {
		return nil, fmt.Errorf("untag roles: %w", err)
	}
	var entries []Audit
	for _, before := range roles {
		after := before
		after.Tags = slices.DeleteFunc(slices.Clone(before.Tags), func(tag int64) bool { return slices.Contains(tags, tag) })
		entries = append(entries, after.entry("updated", before.audit(), after.audit()))
	}
	return entries, nil
}

// putRoles makes the roles of a principal those of the names. The actor has to have all that they grant.
func putRoles(ctx context.Context, tx pgx.Tx, principal int64, names []string) error {
	rows, _ := tx.Query(ctx, namedRolesSQL, names) // its error comes back from CollectRows
	roles, err := pgx.CollectRows(rows, scanRole)
	if err != nil {
		return err
	}
	for i, name := range names {
		if !slices.ContainsFunc(roles, func(r Role) bool { return r.Name == name }) {
			return compliance.FieldErrors{fmt.Sprintf("roles[%d]", i): {fmt.Sprintf("There is no role %q.", name)}}
		}
	}
	ids := make([]int64, len(roles))
	for i := range roles {
		ids[i] = roles[i].ID
		if err := mayGrant(ctx, roles[i].grant()); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM principal_role WHERE principal = $1 AND role <> ALL ($2)`, principal, ids); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO principal_role (principal, role) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING`, principal, ids)
	return err
}

func roleNameTaken(err error) error {
	if errors.Is(nameTaken(err), ErrExists) {
		return compliance.FieldErrors{"name": {"There is a role with this name already."}}
	}
	return err
}

// unique sorts values and leaves out the second of two that are the same; nil stays nil.
func unique[T int64 | string](values []T) []T {
	if values == nil {
		return nil
	}
	values = append([]T{}, values...)
	slices.Sort(values)
	return slices.Compact(values)
}

// checkLine notes what keeps a text from being one line of at most limit bytes.
func checkLine(problems compliance.FieldErrors, field, text string, limit int) {
	switch {
	case len(text) > limit:
		problems[field] = []string{fmt.Sprintf("Ensure this field has no more than %d bytes.", limit)}
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		problems[field] = []string{"Not a valid string."}
	}
}

// TagIDs returns the ids of tags by their names, in their order; a name that no tag has is ErrNotFound.
func (s *Store) TagIDs(ctx context.Context, names []string) ([]int64, error) {
	ids := make([]int64, len(names))
	for i, name := range names {
		if err := s.pool.QueryRow(ctx, `SELECT id FROM tag WHERE name = $1`, name).Scan(&ids[i]); err != nil {
			return nil, fmt.Errorf("tag %q: %w", name, notFound(err))
		}
	}
	return ids, nil
}
