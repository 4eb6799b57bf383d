// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// createToken prints the token alone on standard output, so that a script can take it from there.
func (p *program) createToken(ctx context.Context, c *config.TokenCreate) error {
	role, err := auth.ParseRole(c.Role)
	if err != nil {
		return config.WithExit(config.ExitUsage, err)
	}
	kind := auth.ServiceAccount
	if c.User {
		kind = auth.User
	}
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		token := auth.NewToken(kind)
		if _, err := s.CreateToken(ctx, c.Name, role, auth.DigestOf(token), expiry(c.Expires)); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "Token %q with role %s, shown this once:\n", c.Name, role)
		fmt.Fprintln(p.out, token)
		return nil
	})
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
	Name       string     `json:"name"`
	Role       auth.Role  `json:"role"`
	State      string     `json:"state"` // valid, expired or revoked
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func (p *program) listTokens(ctx context.Context, c *config.List) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		tokens, err := s.ListTokens(ctx)
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(tokens))
		for _, t := range tokens {
			row := tokenRow{
				Name: t.Name, Role: t.Role, State: state(t.RevokedAt, t.ExpiresAt), CreatedAt: t.CreatedAt.UTC(),
				ExpiresAt: utc(t.ExpiresAt), LastUsedAt: utc(t.LastUsedAt),
			}
			if c.JSON {
				if err := p.printJSON(row); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, []string{row.Name, string(row.Role), row.State, day(&row.CreatedAt), day(row.ExpiresAt), day(row.LastUsedAt)})
		}
		if c.JSON {
			return nil
		}
		return p.printTable([]string{"NAME", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED"}, rows)
	})
}

func (p *program) revokeToken(ctx context.Context, c *config.Revoke) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		return s.RevokeToken(ctx, c.Name)
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
