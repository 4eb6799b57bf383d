// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	both := []auth.Scheme{auth.TokenScheme, auth.BearerScheme}
	tests := []struct {
		name, header string
		accepted     []auth.Scheme
		want         string
		err          error
	}{
		{"token", "Token abc", both, "abc", nil},
		{"bearer", "Bearer abc", both, "abc", nil},
		{"case of the scheme", "tOKEN abc", both, "abc", nil},
		{"outer spaces", "  Token   abc ", both, "abc", nil},
		{"none", "", both, "", auth.ErrNoCredentials},
		{"another scheme", "Basic YTpi", both, "", auth.ErrNoCredentials},
		{"bearer where only tokens count", "Bearer abc", both[:1], "", auth.ErrNoCredentials},
		{"scheme alone", "Token", both, "", auth.ErrEmptyHeader},
		{"spaces inside", "Token a b", both, "", auth.ErrSpacesInHeader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := auth.FromHeader(tt.header, tt.accepted...)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
	if _, err := auth.FromHeader("Token a\x00b", both...); err == nil || !strings.Contains(err.Error(), "invalid characters") {
		t.Errorf("NUL: got %v, want invalid characters", err)
	}
}

func TestRolesGrantWhatTheySay(t *testing.T) {
	t.Parallel()
	const (
		viewTag    auth.Permission = "inventory.view_tag"
		addTag     auth.Permission = "inventory.add_tag"
		addUnit    auth.Permission = "inventory.add_metabusinessunit"
		notYetMade auth.Permission = "someday.view_something"
	)
	tests := []struct {
		role   auth.Role
		can    []auth.Permission
		cannot []auth.Permission
	}{
		{auth.Viewer, []auth.Permission{auth.ReadInventory, auth.ReadChecks, viewTag}, []auth.Permission{auth.AddInventory, addTag, auth.DeleteInventory, notYetMade}},
		{auth.Operator, []auth.Permission{auth.ReadInventory, auth.AddInventory, auth.AddChecks, addTag}, []auth.Permission{auth.DeleteInventory, addUnit, notYetMade}},
		{auth.Admin, []auth.Permission{auth.ReadInventory, auth.DeleteInventory, addUnit, notYetMade}, nil},
		{"unknown", nil, []auth.Permission{auth.ReadInventory}},
	}
	for _, tt := range tests {
		t.Run(string(tt.role), func(t *testing.T) {
			t.Parallel()
			p := auth.Principal{Grants: []auth.Grant{{Permissions: tt.role.Permissions()}}}
			if !p.Can(tt.can...) {
				t.Errorf("cannot %v", tt.can)
			}
			for _, forbidden := range tt.cannot {
				if p.Can(forbidden) {
					t.Errorf("can %s", forbidden)
				}
				if len(tt.can) > 0 && p.Can(tt.can[0], forbidden) {
					t.Errorf("one of two permissions is enough, with %s", forbidden)
				}
			}
		})
	}
}

func TestPrincipalTravelsInTheContext(t *testing.T) {
	t.Parallel()
	if _, ok := auth.PrincipalOf(t.Context()); ok {
		t.Error("an empty context has a principal")
	}
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{Kind: auth.Machine, ID: 7, Name: "S1"})
	if p, ok := auth.PrincipalOf(ctx); !ok || p.ID != 7 || p.Kind != auth.Machine || p.Can(auth.ReadInventory) {
		t.Errorf("got %+v, %v", p, ok)
	}
}

func TestScopesOfRoles(t *testing.T) {
	t.Parallel()
	view, tag := auth.ReadInventory, auth.Permission("inventory.add_tag")
	everywhere := func(all ...auth.Permission) auth.Grant { return auth.Grant{Permissions: auth.SetOf(all...)} }
	within := func(tags []int64, all ...auth.Permission) auth.Grant {
		return auth.Grant{Permissions: auth.SetOf(all...), Scope: auth.TaggedWith(tags...)}
	}
	tests := []struct {
		name   string
		grants []auth.Grant
		want   []auth.Permission
		scope  auth.Scope
		ok     bool
	}{
		{"nobody", nil, []auth.Permission{view}, auth.TaggedWith(), false},
		{"everywhere", []auth.Grant{everywhere(view)}, []auth.Permission{view}, auth.Scope{}, true},
		{"one role with tags", []auth.Grant{within([]int64{2, 1}, view)}, []auth.Permission{view}, auth.TaggedWith(1, 2), true},
		{"two roles add up", []auth.Grant{within([]int64{1}, view), within([]int64{3}, view)}, []auth.Permission{view}, auth.TaggedWith(1, 3), true},
		{"the wider role wins", []auth.Grant{within([]int64{1}, view), everywhere(view)}, []auth.Permission{view}, auth.Scope{}, true},
		{"the narrower permission counts", []auth.Grant{everywhere(view), within([]int64{1}, tag)}, []auth.Permission{view, tag}, auth.TaggedWith(1), true},
		{"no role has both", []auth.Grant{within([]int64{1}, view), within([]int64{2}, tag)}, []auth.Permission{view, tag}, auth.TaggedWith(), false},
		{"a scope without tags is no machine", []auth.Grant{within(nil, view)}, []auth.Permission{view}, auth.TaggedWith(), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			scope, ok := auth.Principal{Kind: auth.User, Grants: tt.grants}.ScopeOf(tt.want...)
			if ok != tt.ok || scope.All() != tt.scope.All() || !slices.Equal(scope.Tags, tt.scope.Tags) {
				t.Errorf("got %v, %v, want %v, %v", scope, ok, tt.scope, tt.ok)
			}
		})
	}
	if auth.TaggedWith().Covers([]int64{1}) || !auth.TaggedWith(1, 2).Covers([]int64{2}) || !(auth.Scope{}).Covers(nil) {
		t.Error("a scope covers other machines than those with its tags")
	}
}
