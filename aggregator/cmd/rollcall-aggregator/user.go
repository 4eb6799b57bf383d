// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// asCommandLine says in the context who is at the command line: whoever has the database may do everything.
func asCommandLine(ctx context.Context) context.Context {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	name = cmp.Or(name, os.Getenv("USER"), fmt.Sprintf("uid %d", os.Getuid()))
	return auth.WithPrincipal(ctx, auth.Principal{Kind: auth.CommandLine, Name: name})
}

func (p *program) createUser(ctx context.Context, c *config.UserCreate) error {
	hash := ""
	if !c.NoPassword {
		var err error
		if hash, err = p.newPassword(ctx, c.PasswordFile); err != nil {
			return err
		}
	}
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		_, err := s.CreateAccount(ctx, store.Account{
			Kind: auth.User, Name: c.Name, DisplayName: c.DisplayName, Email: c.Email, Roles: c.Role,
		}, hash)
		return err
	})
}

func (p *program) changePassword(ctx context.Context, c *config.UserPasswd) error {
	hash, err := p.newPassword(ctx, c.PasswordFile)
	if err != nil {
		return err
	}
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		a, err := s.AccountNamed(ctx, auth.User, c.Name)
		if err != nil {
			return err
		}
		return s.SetPassword(ctx, a.ID, hash, nil)
	})
}

// newPassword returns the hash of a password that somebody chose.
func (p *program) newPassword(ctx context.Context, file string) (string, error) {
	password, err := p.readPassword(file)
	if err != nil {
		return "", err
	}
	hash, err := auth.NewPasswords().Hash(ctx, password)
	if err != nil {
		return "", config.WithExit(config.ExitUsage, fmt.Errorf("password: %w", err))
	}
	return hash, nil
}

func (p *program) changeRoles(ctx context.Context, c *config.UserRoles) error {
	return p.change(ctx, &c.Database, c.Name, func(a *store.Account) { a.Roles = c.Role })
}

func (p *program) setDisabled(ctx context.Context, c *config.Named, disabled bool) error {
	return p.change(ctx, &c.Database, c.Name, func(a *store.Account) {
		a.DisabledAt = nil
		if disabled {
			now := time.Now()
			a.DisabledAt = &now
		}
	})
}

// change stores what do makes of a user or service account.
func (p *program) change(ctx context.Context, d *config.Database, name string, do func(*store.Account)) error {
	return p.withStore(ctx, d, func(s *store.Store) error {
		a, err := anyAccount(ctx, s, name)
		if err != nil {
			return err
		}
		do(&a)
		_, err = s.PutAccount(ctx, a)
		return err
	})
}

func (p *program) deleteUser(ctx context.Context, c *config.Named) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		a, err := anyAccount(ctx, s, c.Name)
		if err != nil {
			return err
		}
		return s.DeleteAccount(ctx, a.Kind, a.ID)
	})
}

// anyAccount finds a user or service account: no two have the same name.
func anyAccount(ctx context.Context, s *store.Store, name string) (store.Account, error) {
	a, err := s.AccountNamed(ctx, auth.User, name)
	if errors.Is(err, store.ErrNotFound) {
		if a, other := s.AccountNamed(ctx, auth.ServiceAccount, name); !errors.Is(other, store.ErrNotFound) {
			return a, other
		}
	}
	return a, err
}

// accountRow is what user list says of one account.
type accountRow struct {
	Name        string     `json:"name"`
	Kind        auth.Kind  `json:"kind"`
	DisplayName string     `json:"display_name,omitempty"`
	Email       string     `json:"email,omitempty"`
	Roles       []string   `json:"roles"`
	State       string     `json:"state"` // valid or disabled
	CreatedAt   time.Time  `json:"created_at"`
	LastLoginAt *time.Time `json:"last_login_at"`
}

func (p *program) listUsers(ctx context.Context, c *config.List) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		var rows [][]string
		for _, kind := range []auth.Kind{auth.User, auth.ServiceAccount} {
			accounts, err := allOf(func(after int64) ([]store.Account, error) { return s.ListAccounts(ctx, kind, after, pageLength) },
				func(a store.Account) int64 { return a.ID })
			if err != nil {
				return err
			}
			for _, a := range accounts {
				row := accountRow{a.Name, a.Kind, a.DisplayName, a.Email, append([]string{}, a.Roles...), "valid", a.CreatedAt.UTC(), utc(a.LastLoginAt)}
				if a.DisabledAt != nil {
					row.State = "disabled"
				}
				if c.JSON {
					if err := p.printJSON(row); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []string{row.Name, string(row.Kind), strings.Join(row.Roles, ", "), row.State, day(&row.CreatedAt), day(row.LastLoginAt)})
			}
		}
		if c.JSON {
			return nil
		}
		return p.printTable([]string{"NAME", "KIND", "ROLE", "STATE", "CREATED", "LAST LOGIN"}, rows)
	})
}

// allOf reads a list to its end.
func allOf[T any](page func(after int64) ([]T, error), id func(T) int64) ([]T, error) {
	var all []T
	var after int64
	for {
		rows, err := page(after)
		if err != nil {
			return nil, err
		}
		if all = append(all, rows...); len(rows) < pageLength {
			return all, nil
		}
		after = id(rows[len(rows)-1])
	}
}
