// SPDX-License-Identifier: Apache-2.0

package event

import (
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// perElement are the kinds of the outside contract that have an event for each element, in the contract's order.
var perElement = []string{
	"android_apps", "certificates", "deb_packages", "disks", "groups", "ios_apps", "links", "network_interfaces",
	"osx_app_instances", "program_instances", "profiles", "ec2_instance_tags",
}

// perObject are those that are one object, in the contract's order.
var perObject = []string{
	"business_unit", "os_version", "system_info", "teamviewer", "puppet_node", "principal_user", "extra_facts",
	"ec2_instance_metadata",
}

// silent are the kinds whose changes no event tells of: of the outside contract's, and what is no part of the tree.
var silent = []string{"platform", "type", "reference", "imei", "meid", "public_ip_address", snapshot.KindInstallTimes}

// left are the kinds that add_machine does without: the contract's, and see LeftOut.
var left = []string{"deb_packages", "disks", "network_interfaces", "osx_app_instances", "program_instances"}

// irregular are the names of one element that do not follow from the kind's.
var irregular = map[string]string{"go_binaries": "go_binary", "repositories": "repository", "batteries": "battery"}

// singular returns the name of one element of a kind, as it stands in types and payloads.
func singular(kind string) string {
	if name, ok := irregular[kind]; ok {
		return name
	}
	if k, known := snapshot.KindOf(kind); known && k.Single {
		return kind
	}
	return strings.TrimSuffix(kind, "s")
}

// Silent reports whether no event tells of changes of a kind.
func Silent(kind string) bool { return strings.HasPrefix(kind, "@") || slices.Contains(silent, kind) }

// LeftOut reports whether add_machine does without a kind: the contract's five long lists, and every list that the
// contract does not know.
func LeftOut(kind string) bool {
	if slices.Contains(left, kind) {
		return true
	}
	k, known := snapshot.KindOf(kind)
	return (!known || !k.Single) && !slices.Contains(perElement, kind)
}

// place returns where a kind stands in the order of a batch: the contract's two lists, then what it does not know.
func place(kind string) int {
	if i := slices.Index(perElement, kind); i >= 0 {
		return i
	}
	if i := slices.Index(perObject, kind); i >= 0 {
		return len(perElement) + i
	}
	first := len(perElement) + len(perObject)
	if i := slices.IndexFunc(snapshot.Kinds(), func(k snapshot.Kind) bool { return k.Name == kind }); i >= 0 {
		return first + i
	}
	return first + len(snapshot.Kinds())
}
