// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type tokensCmd struct {
	List   tokenList   `cmd:"" help:"List the tokens; never the secrets."`
	Create tokenCreate `cmd:"" help:"Create a token and print it, this once."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token."`
}

// list prints all rows of a list.
func (p *program) list(path, list string, query url.Values, columns ...column) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	t := p.table(columns...)
	if err := c.Each(p.ctx, path, list, query, t.raw); err != nil {
		return err
	}
	return t.end()
}

// create sends something new and prints its secret alone on standard output, so that a script can take it from there.
// With another output than a table it prints the whole answer.
func (p *program) create(path, secret, what string, body any) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := c.Do(p.ctx, http.MethodPost, path, nil, body, &answer); err != nil {
		return err
	}
	if p.cli.Output != "table" {
		return p.object(answer)
	}
	var fields map[string]any
	if err := json.Unmarshal(answer, &fields); err != nil {
		return err
	}
	fmt.Fprintf(p.err, "%s, shown this once:\n", what)
	_, err = fmt.Fprintln(p.out, spell(lookup(fields, secret)))
	return err
}

// remove deletes something by its id.
func (p *program) remove(path string) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	return c.Do(p.ctx, http.MethodDelete, path, nil, nil, nil)
}

// end is the moment after a term from now, nil for none.
func end(term time.Duration) *time.Time {
	if term == 0 {
		return nil
	}
	at := time.Now().Add(term).UTC()
	return &at
}

// terms reads durations that may be days: 12h, 30d.
func terms(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			return fmt.Errorf("%s: write it like 12h or 30d", text)
		}
		target.SetInt(int64(n) * int64(24*time.Hour))
		return nil
	}
	term, err := time.ParseDuration(text)
	if err != nil || term <= 0 {
		return fmt.Errorf("%s: write it like 12h or 30d", text)
	}
	target.SetInt(int64(term))
	return nil
}

type tokenList struct{}

// Run lists tokens.
func (tokenList) Run(p *program) error {
	return p.list("/api/v1/tokens", "tokens", nil, column{"ID", "id"}, column{"NAME", "name"}, column{"OF", "principal.name"},
		column{"CREATED", "created_at"}, column{"LAST USED", "last_used_at"}, column{"EXPIRES", "expires_at"}, column{"REVOKED", "revoked_at"})
}

type tokenCreate struct {
	Name      string        `arg:"" help:"What the token is for."`
	Principal int64         `placeholder:"ID" help:"The user or service account that it stands for; you by default."`
	Expires   time.Duration `help:"When it ends, from now: 12h, 30d. Never by default."`
}

// Run creates a token.
func (c *tokenCreate) Run(p *program) error {
	body := map[string]any{"name": c.Name}
	if c.Principal != 0 {
		body["principal"] = c.Principal
	}
	if at := end(c.Expires); at != nil {
		body["expires_at"] = at
	}
	return p.create("/api/v1/tokens", "token", fmt.Sprintf("Token %q", c.Name), body)
}

type tokenRevoke struct {
	ID string `arg:"" help:"The token's id."`
}

// Run revokes a token.
func (r *tokenRevoke) Run(p *program) error {
	return p.remove("/api/v1/tokens/" + url.PathEscape(r.ID))
}
