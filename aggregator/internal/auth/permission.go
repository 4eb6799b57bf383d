// SPDX-License-Identifier: Apache-2.0

package auth

// Permission names something that a principal may do, spelled like the outside contract: "inventory.view_tag".
// Any text is a permission; those that a route asks for by a constant are below.
type Permission string

// The permissions that every door shares.
const (
	All Permission = "*" // stands for every permission, today's and tomorrow's

	ReadInventory   Permission = "inventory.view_machinesnapshot"
	AddInventory    Permission = "inventory.add_machinesnapshot"
	ChangeInventory Permission = "inventory.change_machinesnapshot"
	DeleteInventory Permission = "inventory.delete_machinesnapshot"
	ReadChecks      Permission = "inventory.view_jmespathcheck"
	AddChecks       Permission = "inventory.add_jmespathcheck"

	ReadConfigurations   Permission = "inventory.view_configuration"
	AddConfigurations    Permission = "inventory.add_configuration"
	ChangeConfigurations Permission = "inventory.change_configuration"
	DeleteConfigurations Permission = "inventory.delete_configuration"
)

// readable and editable are the contract's objects, with their app where it is not the inventory's: "osquery.enrollment".
// Everybody with a role reads all of them; operators edit the latter.
var (
	readable = []string{
		"machinesnapshot", "androidapp", "debpackage", "iosapp", "osxapp", "osxappinstance", "program", "programinstance",
		"metabusinessunit", "tag", "machinetag", "taxonomy", "jmespathcheck", "configuration", "enrollment",
		"osquery.configuration", "munki.configuration", "compliance_checks.waiver", "events.event",
	}
	editable = []string{"machinesnapshot", "tag", "machinetag", "taxonomy", "jmespathcheck", "compliance_checks.waiver"}
)

// Set is a set of permissions. It is read-only after it was made, and safe for concurrent use.
type Set map[Permission]struct{}

// SetOf returns the set of the given permissions.
func SetOf(permissions ...Permission) Set {
	s := make(Set, len(permissions))
	for _, p := range permissions {
		s[p] = struct{}{}
	}
	return s
}

// Has reports whether p is in the set, or All is.
func (s Set) Has(p Permission) bool {
	if _, ok := s[p]; ok {
		return true
	}
	_, ok := s[All]
	return ok
}

// Names lists the permissions in order. Of a set with All that is every one that the program knows.
func (s Set) Names() []string {
	names := []string{}
	for _, p := range Permissions() {
		if s.Has(p) {
			names = append(names, string(p))
		}
	}
	return names
}

// Role is a named set of permissions: what a token is created with.
type Role string

// The roles. A viewer reads; an operator also edits what is about machines (snapshots, tags, taxonomies, checks), but
// deletes no snapshots and touches neither business units nor what agents collect; an admin may do everything.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
	Admin    Role = "admin"
)

// Roles lists them all, the weakest first.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// Permissions returns what the role may do; an unknown role may do nothing.
func (r Role) Permissions() Set {
	switch r {
	case Admin:
		return SetOf(All)
	case Operator:
		s := viewerPermissions()
		for _, object := range editable {
			for _, verb := range []string{"add", "change", "delete"} {
				s[permissionOf(verb, object)] = struct{}{}
			}
		}
		delete(s, DeleteInventory)
		return s
	case Viewer:
		return viewerPermissions()
	default:
		return Set{}
	}
}

func viewerPermissions() Set {
	s := make(Set, len(readable))
	for _, object := range readable {
		s[permissionOf("view", object)] = struct{}{}
	}
	return s
}
