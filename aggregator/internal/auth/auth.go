// SPDX-License-Identifier: Apache-2.0

// Package auth says who is asking and what they may do: principals, permissions and roles, the shape of tokens and
// credentials, and the Authorization header. It is pure: it refuses to know where tokens are stored and which door is
// asking; a door looks the digest up, and puts the principal into the context.
package auth

import "context"

// Kind is the sort of a principal.
type Kind string

// The kinds of principals.
const (
	User           Kind = "user"            // a person
	ServiceAccount Kind = "service_account" // a program with an API token
	Machine        Kind = "machine"         // an agent with a machine credential
)

// Principal is who is asking. The zero Principal is nobody and may do nothing.
type Principal struct {
	Kind Kind
	// ID is the row of the token for a user or a service account, and the machine for a machine.
	ID   int64
	Name string
	// Permissions are what the principal may do; All among them stands for every permission.
	Permissions Set
}

// Can reports whether the principal has every one of the permissions.
func (p Principal) Can(all ...Permission) bool {
	for _, want := range all {
		if !p.Permissions.Has(want) {
			return false
		}
	}
	return true
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
