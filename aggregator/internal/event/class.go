// SPDX-License-Identifier: Apache-2.0

package event

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Types that others ask for by name.
const (
	TypeAddMachine = "add_machine"
	TypeHeartbeat  = "inventory_heartbeat"
)

const (
	typeCompliance   = "machine_compliance_change"
	typeCheckStatus  = "inventory_jmespath_check_status_updated"
	typeCheckPrefix  = "inventory_jmespath_check_" // created, updated, deleted
	typeAudit        = "zentral_audit"
	typeTag          = "machine_tag"
	typeConflict     = "zentral_machine_conflict"
	typeMachine      = "machine_" // archived, revived, pruned
	namespace        = "inventory"
	namespaceChecks  = "compliance_check"
	maxExtensionName = 64
)

// class is what all events of a type share.
type class struct {
	namespace string
	tags      []string // in order
}

// classes has every type of the outside contract and ours, but for kinds that neither knows.
var classes = func() map[string]class {
	checks := class{namespaceChecks, []string{"compliance_check", "inventory_jmespath_check"}}
	machine := class{namespace, []string{"machine"}}
	cleanup := []string{"inventory", "inventory_cleanup", "zentral"}
	all := map[string]class{
		TypeAddMachine: machine,
		TypeHeartbeat:  {namespace, []string{"heartbeat", "machine"}},

		typeCheckStatus:             {namespaceChecks, []string{"compliance_check", "compliance_check_status", "inventory_jmespath_check"}},
		typeCompliance:              {namespaceChecks, []string{"compliance_check", "compliance_check_status"}},
		typeCheckPrefix + "created": checks,
		typeCheckPrefix + "updated": checks,
		typeCheckPrefix + "deleted": checks,

		typeAudit:                    {typeAudit, []string{"inventory", "zentral"}},
		typeTag:                      {typeTag, []string{"machine"}},
		typeConflict:                 {typeConflict, []string{"machine"}},
		typeMachine + "archived":     machine,
		typeMachine + "revived":      machine,
		typeMachine + "pruned":       machine,
		"inventory_cleanup_started":  {"inventory_cleanup_started", cleanup},
		"inventory_cleanup_finished": {"inventory_cleanup_finished", cleanup},

		"enrollment_secret_verification": {"enrollment_secret_verification", nil},
		"enrollment_info_request":        {"enrollment_info_request", []string{"inventory"}},
		"osquery_enrollment":             {"osquery_enrollment", nil},
		"munki_enrollment":               {"munki_enrollment", nil},
		"rollcall_enrollment":            {"rollcall_enrollment", nil},
		"osquery_request":                {"osquery_request", nil},
		"munki_request":                  {"munki_request", nil},
	}
	for _, k := range snapshot.Kinds() {
		if !Silent(k.Name) {
			for _, added := range []bool{true, false} {
				name := changeType(k.Name, added)
				all[name] = changeClass(added)
			}
		}
	}
	return all
}()

// changeType is the type of an event about an element of a kind that came or went.
func changeType(kind string, added bool) string {
	if added {
		return "add_machine_" + singular(kind)
	}
	return "remove_machine_" + singular(kind)
}

// isChange reports whether a type is one that changeType returns.
func isChange(name string) bool {
	c, ok := classOf(name)
	return ok && slices.Contains(c.tags, "machine_update")
}

func changeClass(added bool) class {
	if added {
		return class{namespace, []string{"machine", "machine_add_update", "machine_update"}}
	}
	return class{namespace, []string{"machine", "machine_remove_update", "machine_update"}}
}

// classOf returns what events of a type share; false when there is no such type. Kinds that only newer agents know
// have types too.
func classOf(name string) (class, bool) {
	if c, ok := classes[name]; ok {
		return c, true
	}
	kind, added := strings.CutPrefix(name, "add_machine_")
	if !added {
		var removed bool
		if kind, removed = strings.CutPrefix(name, "remove_machine_"); !removed {
			return class{}, false
		}
	}
	if kind == "" || len(kind) > maxExtensionName || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return class{}, false
	}
	return changeClass(added), !slices.ContainsFunc(silent, func(k string) bool { return singular(k) == kind })
}

// Types lists the types that there are, in order. Kinds that only newer agents know add to them.
func Types() []string { return slices.Sorted(maps.Keys(classes)) }
