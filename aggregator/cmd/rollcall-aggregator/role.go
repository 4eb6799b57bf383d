// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func (p *program) createRole(ctx context.Context, c *config.RoleCreate) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		r := store.Role{Name: c.Name, Description: c.Description, Permissions: c.Permission}
		if len(c.Tag) > 0 {
			var err error
			if r.Tags, err = s.TagIDs(ctx, c.Tag); err != nil {
				return err
			}
		}
		_, err := s.CreateRole(ctx, r)
		if fields, ok := errors.AsType[compliance.FieldErrors](err); ok {
			return config.WithExit(config.ExitUsage, fields)
		}
		return err
	})
}

// roleRow is what role list says of one role.
type roleRow struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	BuiltIn     bool      `json:"built_in"`
	Permissions []string  `json:"permissions"`
	Tags        []int64   `json:"tags"` // null: every machine
	CreatedAt   time.Time `json:"created_at"`
}

func (p *program) listRoles(ctx context.Context, c *config.List) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		roles, err := allRoles(ctx, s)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, r := range roles {
			if c.JSON {
				if err := p.printJSON(roleRow{r.Name, r.Description, r.BuiltIn, r.Permissions, r.Tags, r.CreatedAt.UTC()}); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, []string{r.Name, scopeOf(r), strconv.Itoa(len(r.Permissions)), r.Description})
		}
		if c.JSON {
			return nil
		}
		return p.printTable([]string{"NAME", "MACHINES", "PERMISSIONS", "DESCRIPTION"}, rows)
	})
}

// scopeOf says for which machines a role is.
func scopeOf(r store.Role) string {
	switch {
	case r.Tags == nil:
		return "all"
	case len(r.Tags) == 0:
		return "none"
	}
	var tags []string
	for _, tag := range r.Tags {
		tags = append(tags, strconv.FormatInt(tag, 10))
	}
	return "with tag " + strings.Join(tags, " or ")
}

func (p *program) deleteRole(ctx context.Context, c *config.Named) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		roles, err := allRoles(ctx, s)
		if err != nil {
			return err
		}
		for _, r := range roles {
			if r.Name == c.Name {
				return s.DeleteRole(ctx, r.ID)
			}
		}
		return fmt.Errorf("role %q: %w", c.Name, store.ErrNotFound)
	})
}

func allRoles(ctx context.Context, s *store.Store) ([]store.Role, error) {
	return allOf(func(after int64) ([]store.Role, error) { return s.ListRoles(ctx, after, pageLength) },
		func(r store.Role) int64 { return r.ID })
}
