// SPDX-License-Identifier: Apache-2.0

// Package auth says who is asking and what they may do: principals, permissions and roles, the shape of tokens and
// credentials, and the Authorization header. It is pure: it refuses to know where tokens are stored and which door is
// asking; a door looks the digest up, and puts the principal into the context.
package auth

import (
	"context"
	"time"
)

// Kind is the sort of a principal.
type Kind string

// The kinds of principals.
const (
	User           Kind = "user"            // a person
	ServiceAccount Kind = "service_account" // a program with an API token
	Machine        Kind = "machine"         // an agent with a machine credential
	CommandLine    Kind = "command_line"    // somebody with access to the database, at the aggregator's own command line
)

// Principal is who is asking. The zero Principal is nobody and may do nothing.
type Principal struct {
	Kind Kind
	// ID is the row of the user or service account, and the machine for a machine.
	ID    int64
	Name  string
	Email string // "": not known
	// Token is the API token that is shown; nil: a session.
	Token *ShownToken
	// Until is when the token that is shown ends; nil: it does not, or there is none.
	Until *time.Time
	// Grants are what its roles let it do, one for each role.
	Grants []Grant
	// Reach is which machines the route at hand may show it; the door fills it in from the route's permissions. The zero
	// Scope is every machine.
	Reach Scope
	// Request is how it asked over HTTP; nil: it did not.
	Request *Request
}

// ShownToken names an API token. It is no secret.
type ShownToken struct {
	ID   string // UUID
	Name string
}

// Can reports whether the principal has every one of the permissions, for whatever machines.
func (p Principal) Can(all ...Permission) bool {
	_, ok := p.ScopeOf(all...)
	return ok
}

type contextKey struct{}

// WithPrincipal returns a context that carries the principal.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// PrincipalOf returns the principal of the context, and whether there is one.
func PrincipalOf(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}

// ReachOf returns which machines the principal of the context may be shown. Without a principal that is every machine:
// then it is the program itself that asks.
func ReachOf(ctx context.Context) Scope {
	p, _ := PrincipalOf(ctx)
	return p.Reach
}
