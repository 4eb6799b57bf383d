// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shape is what the contract says of the events of a type.
type shape struct {
	namespace string
	tags      []string
	keys      []string // of the payload; nil: those of a tree
	maybe     []string // keys that may be there, too
	machine   bool     // it is about a machine
}

// listKinds and singleKinds are the kinds of facts in the order in which their changes are told.
var (
	listKinds = []string{
		"android_app", "certificate", "deb_package", "disk", "group", "ios_app", "link", "network_interface",
		"osx_app_instance", "program_instance", "profile", "ec2_instance_tag",
	}
	singleKinds = []string{
		"business_unit", "os_version", "system_info", "teamviewer", "puppet_node", "principal_user", "extra_facts",
		"ec2_instance_metadata",
	}
)

// updateTypes lists what happens when one fact of every kind takes the place of another, in order.
func updateTypes() []string {
	var types []string
	for _, kind := range slices.Concat(listKinds, singleKinds) {
		types = append(types, "add_machine_"+kind, "remove_machine_"+kind)
	}
	return types
}

// shapes are those of all types but updates.
var shapes = map[string]shape{
	"add_machine": {namespace: "inventory", tags: []string{"machine"}, machine: true},
	"inventory_jmespath_check_status_updated": {
		namespace: "compliance_check", tags: []string{"compliance_check", "compliance_check_status", "inventory_jmespath_check"},
		keys:  []string{"pk", "model", "name", "description", "version", "inventory_jmespath_check", "status"},
		maybe: []string{"previous_status"}, machine: true,
	},
	"machine_compliance_change": {
		namespace: "compliance_check", tags: []string{"compliance_check", "compliance_check_status"},
		keys: []string{"status"}, maybe: []string{"previous_status"}, machine: true,
	},
	"inventory_jmespath_check_created": checkShape, "inventory_jmespath_check_updated": checkShape, "inventory_jmespath_check_deleted": checkShape,

	"zentral_audit": {namespace: "zentral_audit", tags: []string{"inventory", "zentral"}, keys: []string{"action", "object"}},
	"machine_tag": {
		namespace: "machine_tag", tags: []string{"machine"}, keys: []string{"action", "tag"}, maybe: []string{"taxonomy"}, machine: true,
	},
	"inventory_cleanup_started":  {namespace: "inventory_cleanup_started", tags: cleanupTags, keys: []string{"cleanup"}},
	"inventory_cleanup_finished": {namespace: "inventory_cleanup_finished", tags: cleanupTags, keys: []string{"cleanup"}},
	"enrollment_secret_verification": {
		namespace: "enrollment_secret_verification", keys: []string{"status", "type"},
		maybe: []string{"reason", "enrollment", "rollcall_enrollment"}, machine: true,
	},
	"rollcall_enrollment": {namespace: "rollcall_enrollment", keys: []string{"action"}, maybe: []string{"enrollment"}, machine: true},
	"machine_archived":    {namespace: "inventory", tags: []string{"machine"}, keys: []string{}, maybe: []string{"source"}, machine: true},
	"machine_revived":     {namespace: "inventory", tags: []string{"machine"}, keys: []string{"source"}, machine: true},
	"machine_pruned":      {namespace: "inventory", tags: []string{"machine"}, machine: true, keys: []string{}},
}

var (
	cleanupTags = []string{"inventory", "inventory_cleanup", "zentral"}
	checkShape  = shape{
		namespace: "compliance_check", tags: []string{"compliance_check", "inventory_jmespath_check"},
		keys: []string{"pk", "model", "name", "description", "version", "inventory_jmespath_check"},
	}
)

// shapeOf returns the shape of a type; false when there is no such type.
func shapeOf(kind string) (shape, bool) {
	if s, ok := shapes[kind]; ok {
		return s, true
	}
	action, fact, ok := strings.Cut(kind, "_machine_")
	if !ok || (action != "add" && action != "remove") {
		return shape{}, false
	}
	return shape{
		namespace: "inventory", tags: []string{"machine", "machine_" + action + "_update", "machine_update"},
		keys: []string{fact, "source"}, machine: true,
	}, true
}

// fits tells what is wrong with an event of the shape's type.
func (s shape) fits(e received) error {
	var tags []string
	list, _ := e.Meta["tags"].([]any)
	for _, tag := range list {
		tags = append(tags, fmt.Sprint(tag))
	}
	switch {
	case e.Meta["namespace"] != s.namespace:
		return fmt.Errorf("namespace %v, want %s", e.Meta["namespace"], s.namespace)
	case s.tags != nil && !slices.Equal(tags, s.tags):
		return fmt.Errorf("tags %q, want %q", tags, s.tags)
	case s.machine && e.Serial == "":
		return fmt.Errorf("about no machine: %v", e.Meta)
	case s.machine != (e.Meta["machine_serial_number"] != nil):
		return fmt.Errorf("about machine %v", e.Meta["machine_serial_number"])
	}
	for _, key := range []string{"created_at", "id", "index", "type", "namespace"} {
		if e.Meta[key] == nil {
			return fmt.Errorf("no %s in %v", key, e.Meta)
		}
	}
	if s.keys == nil {
		return fitsTree(e.Payload)
	}
	for _, key := range s.keys {
		if _, ok := e.Payload[key]; !ok {
			return fmt.Errorf("no key %s in %v", key, e.Payload)
		}
	}
	for key := range e.Payload {
		if !slices.Contains(s.keys, key) && !slices.Contains(s.maybe, key) {
			return fmt.Errorf("key %s, want %q and maybe %q", key, s.keys, s.maybe)
		}
	}
	return nil
}

// fitsTree wants a tree without the five large kinds.
func fitsTree(payload map[string]any) error {
	keys := slices.Sorted(maps.Keys(payload))
	for _, key := range []string{"serial_number", "source"} {
		if !slices.Contains(keys, key) {
			return fmt.Errorf("no key %s in %q", key, keys)
		}
	}
	for _, key := range []string{"deb_packages", "disks", "network_interfaces", "osx_app_instances", "program_instances"} {
		if slices.Contains(keys, key) {
			return fmt.Errorf("key %s in a machine's first event", key)
		}
	}
	return nil
}
