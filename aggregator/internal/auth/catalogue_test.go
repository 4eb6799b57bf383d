// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestPermissionsAreAllThatARoleCanHave(t *testing.T) {
	t.Parallel()
	all := auth.Permissions()
	if !slices.IsSorted(all) || slices.Contains(all, auth.All) || slices.Contains(all, auth.SignedIn) {
		t.Errorf("got %v", all)
	}
	for _, want := range []auth.Permission{
		auth.ReadInventory, auth.DeleteInventory, auth.AddChecks, auth.DeleteConfigurations, auth.ReadAudit, "inventory.change_metabusinessunit",
		"accounts.delete_apitoken", "osquery.view_enrollment",
	} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if got := auth.Admin.Permissions().Names(); len(got) != len(all) {
		t.Errorf("an admin has %d of %d", len(got), len(all))
	}
	if auth.Viewer.Permissions().Has("osquery.view_enrollment") || auth.Operator.Permissions().Has("accounts.view_user") {
		t.Error("everybody sees what lets machines or people in")
	}
}

func TestNobodyMayGrantWhatTheyHaveNot(t *testing.T) {
	t.Parallel()
	const view, add auth.Permission = "inventory.view_tag", "inventory.add_tag"
	grant := func(scope auth.Scope, all ...auth.Permission) auth.Grant {
		return auth.Grant{Permissions: auth.SetOf(all...), Scope: scope}
	}
	everywhere, one, two := auth.Scope{}, auth.TaggedWith(1), auth.TaggedWith(1, 2)
	tests := []struct {
		name  string
		has   []auth.Grant
		gives auth.Grant
		want  bool
	}{
		{"nothing from nothing", nil, grant(everywhere), true},
		{"something from nothing", nil, grant(one, view), false},
		{"the same", []auth.Grant{grant(everywhere, view)}, grant(everywhere, view), true},
		{"fewer machines", []auth.Grant{grant(everywhere, view)}, grant(one, view), true},
		{"more machines", []auth.Grant{grant(one, view)}, grant(two, view), false},
		{"every machine", []auth.Grant{grant(two, view)}, grant(everywhere, view), false},
		{"no machine", []auth.Grant{grant(one, view)}, grant(auth.TaggedWith(), view), true},
		{"of two roles", []auth.Grant{grant(one, view), grant(auth.TaggedWith(2), view)}, grant(two, view), true},
		{"one permission too many", []auth.Grant{grant(everywhere, view)}, grant(one, view, add), false},
		{"each for its machines", []auth.Grant{grant(everywhere, view), grant(one, add)}, grant(one, view, add), true},
		{"admin by admin", []auth.Grant{grant(everywhere, auth.All)}, grant(everywhere, auth.All), true},
		{"admin by somebody with a lot", []auth.Grant{grant(everywhere, auth.Permissions()...)}, grant(everywhere, auth.All), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (auth.Principal{Kind: auth.User, Grants: tt.has}).MayGrant(tt.gives); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if !(auth.Principal{Kind: auth.CommandLine}).MayGrant(grant(everywhere, auth.All)) {
		t.Error("the command line may not")
	}
}

func TestTagsThatLetSomebodyDoMoreAreKnown(t *testing.T) {
	t.Parallel()
	const tagging, view auth.Permission = "inventory.add_machinetag", "inventory.view_machinesnapshot"
	grant := func(scope auth.Scope, all ...auth.Permission) auth.Grant {
		return auth.Grant{Permissions: auth.SetOf(all...), Scope: scope}
	}
	everywhere, one, two, both := auth.Scope{}, auth.TaggedWith(1), auth.TaggedWith(2), auth.TaggedWith(1, 2)
	tests := []struct {
		name          string
		has           []auth.Grant
		before, after []int64
		want          bool
	}{
		{"another tag", []auth.Grant{grant(one, tagging, view)}, []int64{1}, []int64{1, 3}, false},
		{"a tag less", []auth.Grant{grant(one, tagging, view)}, []int64{1, 3}, []int64{3}, false},
		{"the other tag of one role", []auth.Grant{grant(both, tagging, view)}, []int64{1}, []int64{2}, false},
		{"the tag of a role with more", []auth.Grant{grant(one, tagging), grant(two, tagging, view)}, []int64{1}, []int64{1, 2}, true},
		{"the tag of a role with the same", []auth.Grant{grant(one, tagging, view), grant(two, tagging)}, []int64{1}, []int64{1, 2}, false},
		{"into one's view", []auth.Grant{grant(everywhere, tagging), grant(one, view)}, nil, []int64{1}, true},
		{"of one's view", []auth.Grant{grant(everywhere, tagging), grant(one, view)}, []int64{1}, nil, false},
		{"what one sees anyway", []auth.Grant{grant(everywhere, tagging, view), grant(one, view)}, nil, []int64{1}, false},
		{"by an admin", []auth.Grant{grant(everywhere, auth.All), grant(one, view)}, nil, []int64{1}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (auth.Principal{Kind: auth.User, Grants: tt.has}).Gains(tt.before, tt.after); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
