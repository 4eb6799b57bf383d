// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

var (
	// ErrBuiltIn says that a role is the program's own and stays as it is.
	ErrBuiltIn = errors.New("a built-in role")
	// ErrRoleInUse says that somebody has the role.
	ErrRoleInUse = errors.New("a role that somebody has")
)

// Role is a named set of permissions, for every machine or for those with one of its tags.
type Role struct {
	ID          int64
	Name        string
	Description string
	Permissions []string // in order; of a built-in role those that this program gives it
	Tags        []int64  // in order; nil: every machine; empty: its tags were deleted, and it is for none
	BuiltIn     bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// roleAudit is what the audit log holds of a role.
type roleAudit struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Permissions []string `json:"permissions"`
	Tags        []int64  `json:"tags"`
}

const (
	rolesSQL = `
SELECT r.id, r.name, r.description, r.permissions,
       CASE WHEN r.scoped THEN ARRAY(SELECT s.tag FROM role_tag s WHERE s.role = r.id ORDER BY s.tag) END,
       r.built_in, r.created_at, r.updated_at
FROM role r `
	oneRoleSQL    = rolesSQL + `WHERE r.id = $1`
	lockRoleSQL   = rolesSQL + `WHERE r.id = $1 FOR UPDATE`
	namedRolesSQL = rolesSQL + `WHERE r.name = ANY ($1) ORDER BY r.name FOR SHARE`
	listRolesSQL  = rolesSQL + `WHERE r.id > $1 ORDER BY r.id LIMIT $2`
	insertRoleSQL = `
INSERT INTO role (name, description, permissions, scoped) VALUES ($1, $2, $3, $4) RETURNING id`
	updateRoleSQL = `
UPDATE role SET name = $2, description = $3, permissions = $4, scoped = $5, updated_at = now() WHERE id = $1`
	clearScopeSQL = `DELETE FROM role_tag WHERE role = $1`
	putScopeSQL   = `
INSERT INTO role_tag (role, tag) SELECT $1, t.id FROM tag t WHERE t.id = ANY ($2) ORDER BY t.id FOR KEY SHARE RETURNING tag`
)

// CreateRole stores a new role. What does not fit is a compliance.FieldErrors, more than the actor's own ErrBeyond.
func (s *Store) CreateRole(ctx context.Context, r Role) (Role, error) {
	var created Role
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := r.admit(ctx)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, insertRoleSQL, r.Name, r.Description, r.Permissions, r.Tags != nil).Scan(&r.ID); err != nil {
			return roleNameTaken(err)
		}
		if created, err = putScope(ctx, tx, &r); err != nil {
			return err
		}
		return record(ctx, tx, created.entry("created", nil, created.audit()))
	})
	if err != nil {
		return Role{}, fmt.Errorf("create role %q: %w", r.Name, err)
	}
	return created, nil
}

// PutRole replaces the role with r's id; who has it may do what it says from then on.
func (s *Store) PutRole(ctx context.Context, r Role) (Role, error) {
	var stored Role
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := customRole(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if err := r.admit(ctx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, updateRoleSQL, r.ID, r.Name, r.Description, r.Permissions, r.Tags != nil); err != nil {
			return roleNameTaken(err)
		}
		if stored, err = putScope(ctx, tx, &r); err != nil {
			return err
		}
		return record(ctx, tx, stored.entry("updated", before.audit(), stored.audit()))
	})
	if err != nil {
		return Role{}, fmt.Errorf("change role %d: %w", r.ID, err)
	}
	return stored, nil
}

// DeleteRole removes a role that nobody has; ErrRoleInUse otherwise.
func (s *Store) DeleteRole(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := customRole(ctx, tx, id)
		if err != nil {
			return err
		}
		var used bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM principal_role WHERE role = $1)`, id).Scan(&used); err != nil {
			return err
		}
		if used {
			return ErrRoleInUse
		}
		if _, err := tx.Exec(ctx, `DELETE FROM role WHERE id = $1`, id); err != nil {
			return err
		}
		return record(ctx, tx, before.entry("deleted", before.audit(), nil))
	})
	if err != nil {
		return fmt.Errorf("delete role %d: %w", id, err)
	}
	return nil
}

// Role returns one role by its id; ErrNotFound when there is none.
func (s *Store) Role(ctx context.Context, id int64) (Role, error) {
	r, err := oneRole(ctx, s.pool, oneRoleSQL, id)
	if err != nil {
		return Role{}, fmt.Errorf("role %d: %w", id, err)
	}
	return r, nil
}

// ListRoles returns roles by id, those behind after and at most limit.
func (s *Store) ListRoles(ctx context.Context, after int64, limit int) ([]Role, error) {
	rows, _ := s.pool.Query(ctx, listRolesSQL, after, limit) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, scanRole)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return found, nil
}

func scanRole(row pgx.CollectableRow) (Role, error) {
	r, err := pgx.RowToStructByPos[Role](row)
	if err == nil && r.BuiltIn {
		r.Permissions = auth.Role(r.Name).Permissions().Names()
	}
	return r, err
}

func oneRole(ctx context.Context, db querier, sql string, id int64) (Role, error) {
	rows, _ := db.Query(ctx, sql, id) // its error comes back from CollectExactlyOneRow
	r, err := pgx.CollectExactlyOneRow(rows, scanRole)
	return r, notFound(err)
}

// customRole locks a role that may be changed, if the actor may do all that it lets others do.
func customRole(ctx context.Context, tx pgx.Tx, id int64) (Role, error) {
	r, err := oneRole(ctx, tx, lockRoleSQL, id)
	switch {
	case err != nil:
		return Role{}, err
	case r.BuiltIn:
		return Role{}, ErrBuiltIn
	}
	return r, mayGrant(ctx, r.grant())
}

func (r *Role) grant() auth.Grant {
	g := grant{Name: r.Name, BuiltIn: r.BuiltIn, Tags: r.Tags}
	for _, p := range r.Permissions {
		g.Permissions = append(g.Permissions, auth.Permission(p))
	}
	return g.grant()
}

func (r *Role) audit() roleAudit { return roleAudit{r.Name, r.Description, r.Permissions, r.Tags} }

func (r *Role) entry(action string, before, after any) Audit {
	return Audit{Action: action, Object: "role", ObjectID: strconv.FormatInt(r.ID, 10), ObjectName: r.Name, Before: before, After: after}
}

// admit checks a role that somebody wants to store, and that they may do all that it lets others do.
func (r *Role) admit(ctx context.Context) error {
	problems := compliance.FieldErrors{}
	r.Name, r.Description = strings.TrimSpace(r.Name), strings.TrimSpace(r.Description)
	checkLine(problems, "name", r.Name, maxAccountName)
	checkLine(problems, "description", r.Description, maxAccountText)
	if r.Name == "" {
		problems["name"] = []string{"This field may not be blank."}
	}
	known := auth.Permissions()
	for i, p := range r.Permissions {
		if _, ok := slices.BinarySearch(known, auth.Permission(p)); !ok {
			problems[fmt.Sprintf("permissions[%d]", i)] = []string{fmt.Sprintf("There is no permission %q.", p)}
		}
	}
	if r.Tags != nil && len(r.Tags) == 0 {
		problems["tags"] = []string{"Name at least one tag, or null for every machine."}
	}
	if len(problems) > 0 {
		return problems
	}
	r.Permissions, r.Tags = unique(append([]string{}, r.Permissions...)), unique(r.Tags)
	return mayGrant(ctx, r.grant())
}
