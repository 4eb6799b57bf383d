// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"slices"
	"strings"
)

// verbs are what can be done to an object; each with each object is a permission.
var verbs = []string{"view", "add", "change", "delete"}

// administered are the objects that only admins see and edit, unless a custom role says otherwise.
var administered = []string{
	"accounts.user", "accounts.serviceaccount", "accounts.role", "accounts.apitoken",
	"osquery.enrollment", "munki.enrollment", // what they answer with lets machines in
	"events.probe", "events.sink", // they send what happens elsewhere
}

// ReadAudit lets its holder read who changed what.
const ReadAudit Permission = "accounts.view_audit"

// ReadTasks lets its holder see the background tasks of everybody.
const ReadTasks Permission = "accounts.view_task"

// DeleteTasks lets its holder end the background tasks of everybody that it sees.
const DeleteTasks Permission = "accounts.delete_task"

// Permissions lists every permission that a custom role can have, in order of their names. SignedIn and All are none.
func Permissions() []Permission {
	all := []Permission{ReadAudit, ReadTasks, DeleteTasks}
	for _, object := range slices.Concat(readable, editable, administered) {
		for _, verb := range verbs {
			all = append(all, permissionOf(verb, object))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// permissionOf spells a permission. An object without an app is one of the inventory's.
func permissionOf(verb, object string) Permission {
	app, name, ok := strings.Cut(object, ".")
	if !ok {
		app, name = "inventory", object
	}
	return Permission(app + "." + verb + "_" + name)
}

// MayGrant reports whether the principal may give somebody else all of the grants: it has to have each of their
// permissions itself, for all of their machines. Whoever is at the aggregator's own command line may give everything.
func (p Principal) MayGrant(grants ...Grant) bool {
	return p.Kind == CommandLine || !slices.ContainsFunc(grants, func(g Grant) bool { return !p.covers(g) })
}

func (p Principal) covers(g Grant) bool {
	for wanted := range g.Permissions {
		mine, ok := p.ScopeOf(wanted)
		if !ok || !mine.contains(g.Scope) {
			return false
		}
	}
	return true
}

// Gains tells whether the principal could do more to a machine once its tags are others: one of its roles comes to apply,
// with a permission that it did not have for the machine before.
func (p Principal) Gains(before, after []int64) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool {
		if g.Scope.Covers(before) || !g.Scope.Covers(after) {
			return false
		}
		for permission := range g.Permissions {
			if mine, ok := p.ScopeOf(permission); !ok || !mine.Covers(before) {
				return true
			}
		}
		return false
	})
}

// contains tells whether every machine of the other scope is in this one, whatever tags machines have.
func (s Scope) contains(other Scope) bool {
	if s.All() {
		return true
	}
	return !other.All() && !slices.ContainsFunc(other.Tags, func(tag int64) bool { return !slices.Contains(s.Tags, tag) })
}
