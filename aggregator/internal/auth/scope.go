// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"slices"
)

// SignedIn is the permission of routes that every principal may use.
const SignedIn Permission = "signed_in"

// Grant is what one role lets a principal do, and for which machines.
type Grant struct {
	Permissions Set
	Scope       Scope
}

// Scope limits a principal to the machines that carry at least one of its tags. The zero Scope is every machine. It is
// comparable to nothing and read-only; it survives encoding/json, for tasks that outlive their request.
type Scope struct {
	// Tags are ids in ascending order. An empty list that is not nil is no machine at all.
	Tags []int64 `json:"tags"`
}

// TaggedWith returns the scope of the machines with at least one of the tags.
func TaggedWith(tags ...int64) Scope {
	tags = append([]int64{}, tags...)
	slices.Sort(tags)
	return Scope{Tags: slices.Compact(tags)}
}

// All tells whether the scope is every machine.
func (s Scope) All() bool { return s.Tags == nil }

// Covers tells whether a machine with these tags is in the scope.
func (s Scope) Covers(tags []int64) bool {
	return s.All() || slices.ContainsFunc(tags, func(tag int64) bool { return slices.Contains(s.Tags, tag) })
}

// ScopeOf returns for which machines the principal has all of the permissions; false when there are none. Permissions of
// roles without a scope hold everywhere; of those with one, a single role has to have all the others.
func (p Principal) ScopeOf(all ...Permission) (Scope, bool) {
	var scoped []Permission
	for _, want := range all {
		if want == SignedIn && p.Kind != "" {
			continue
		}
		if !slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Scope.All() && g.Permissions.Has(want) }) {
			scoped = append(scoped, want)
		}
	}
	if len(scoped) == 0 {
		return Scope{}, true
	}
	var tags []int64
	ok := false
	for _, g := range p.Grants {
		if g.Permissions.hasAll(scoped) {
			tags, ok = append(tags, g.Scope.Tags...), true
		}
	}
	return TaggedWith(tags...), ok
}

func (s Set) hasAll(all []Permission) bool {
	return !slices.ContainsFunc(all, func(p Permission) bool { return !s.Has(p) })
}
