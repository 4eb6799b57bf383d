// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// createToken prints the token alone on standard output, so that a script can take it from there.
func (p *program) createToken(ctx context.Context, c *config.TokenCreate) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		token, created, err := newToken(ctx, s, c)
		if err != nil {
			return err
		}
		may := "no role"
		if len(created.Roles) > 0 {
			may = "role " + strings.Join(created.Roles, ", ")
		}
		fmt.Fprintf(p.err, "Token %q of %s with %s, shown this once:\n", created.Name, created.PrincipalName, may)
		fmt.Fprintln(p.out, token)
		return nil
	})
}

func newToken(ctx context.Context, s *store.Store, c *config.TokenCreate) (string, store.Token, error) {
	n := store.NewToken{Name: c.Name, ExpiresAt: expiry(c.Expires)}
	kind, owner := auth.ServiceAccount, c.ServiceAccount
	if c.User != "" {
		kind, owner = auth.User, c.User
	}
	token := auth.NewToken(kind)
	n.Digest = auth.DigestOf(token)
	if owner == "" {
		role := cmp.Or(c.Role, string(auth.Viewer))
		created, err := s.CreateTokenAccount(ctx, n, role)
		if errors.Is(err, store.ErrNotFound) {
			err = config.WithExit(config.ExitUsage, fmt.Errorf("there is no role %q: see role list", role))
		}
		return token, created, err
	}
	a, err := s.AccountNamed(ctx, kind, owner)
	if err != nil {
		return "", store.Token{}, err
	}
	n.Principal = a.ID
	created, err := s.CreateToken(ctx, n)
	return token, created, err
}

// expiry is the end of a term from now, nil when it has none.
func expiry(term time.Duration) *time.Time {
	if term == 0 {
		return nil
	}
	end := time.Now().Add(term)
	return &end
}

// tokenRow is what token list says of one token.
type tokenRow struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Owner      string     `json:"owner"`
	OwnerKind  auth.Kind  `json:"owner_kind"`
	Roles      []string   `json:"roles"` // the owner's
	State      string     `json:"state"` // valid, expired, revoked, or disabled like its owner
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func tokenRowOf(t store.Token) tokenRow {
	row := tokenRow{
		ID: t.ID, Name: t.Name, Owner: t.PrincipalName, OwnerKind: t.PrincipalKind, Roles: append([]string{}, t.Roles...),
		State: state(t.RevokedAt, t.ExpiresAt), CreatedAt: t.CreatedAt.UTC(), ExpiresAt: utc(t.ExpiresAt), LastUsedAt: utc(t.LastUsedAt),
	}
	if row.State == "valid" && t.Disabled {
		row.State = "disabled"
	}
	return row
}

func (p *program) listTokens(ctx context.Context, c *config.List) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		tokens, err := allTokens(ctx, s)
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(tokens))
		for _, t := range tokens {
			row := tokenRowOf(t)
			if c.JSON {
				if err := p.printJSON(row); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, []string{
				row.Name, strings.Join(row.Roles, ", "), row.State, row.Owner, day(&row.CreatedAt), day(row.ExpiresAt), day(row.LastUsedAt), row.ID,
			})
		}
		if c.JSON {
			return nil
		}
		return p.printTable([]string{"NAME", "ROLE", "STATE", "OWNER", "CREATED", "EXPIRES", "LAST USED", "ID"}, rows)
	})
}

// pageLength is how many rows are read at a time.
const pageLength = 1000

func allTokens(ctx context.Context, s *store.Store) ([]store.Token, error) {
	var all []store.Token
	var after store.TokenKey
	for {
		page, err := s.ListTokens(ctx, 0, after, pageLength)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(page) < pageLength {
			return all, nil
		}
		after = store.TokenKey{Name: page[len(page)-1].Name, ID: page[len(page)-1].ID}
	}
}

// revokeToken takes the name of a token that no other one has, or an id.
func (p *program) revokeToken(ctx context.Context, c *config.Revoke) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		tokens, err := allTokens(ctx, s)
		if err != nil {
			return err
		}
		var ids, owners []string
		for _, t := range tokens {
			if t.ID == c.Name || t.Name == c.Name {
				ids, owners = append(ids, t.ID), append(owners, t.PrincipalName)
			}
		}
		switch len(ids) {
		case 0:
			return fmt.Errorf("revoke token %q: %w", c.Name, store.ErrNotFound)
		case 1:
			return s.RevokeToken(ctx, ids[0])
		}
		return fmt.Errorf("tokens of %s are called %q: give the id of one, see token list", strings.Join(owners, " and "), c.Name)
	})
}

// state says whether something with an end is still good.
func state(revoked, expires *time.Time) string {
	switch {
	case revoked != nil:
		return "revoked"
	case expires != nil && !expires.After(time.Now()):
		return "expired"
	}
	return "valid"
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// day spells a moment for a table.
func day(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func (p *program) printJSON(row any) error { return json.NewEncoder(p.out).Encode(row) }

func (p *program) printTable(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		for _, cell := range row {
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
