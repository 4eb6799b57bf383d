// SPDX-License-Identifier: Apache-2.0

package event

import (
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// ofTheContract are its events about machines, checks and what people do, with what all events of a type share. Those of
// elements that come and go are in internal/feed's tests.
var ofTheContract = []struct{ name, namespace, tags string }{
	{"add_machine", "inventory", "machine"},
	{"inventory_heartbeat", "inventory", "heartbeat machine"},
	{"add_machine_deb_package", "inventory", "machine machine_add_update machine_update"},
	{"remove_machine_ec2_instance_metadata", "inventory", "machine machine_remove_update machine_update"},
	{"inventory_jmespath_check_status_updated", "compliance_check", "compliance_check compliance_check_status inventory_jmespath_check"},
	{"machine_compliance_change", "compliance_check", "compliance_check compliance_check_status"},
	{"inventory_jmespath_check_created", "compliance_check", "compliance_check inventory_jmespath_check"},
	{"inventory_jmespath_check_updated", "compliance_check", "compliance_check inventory_jmespath_check"},
	{"inventory_jmespath_check_deleted", "compliance_check", "compliance_check inventory_jmespath_check"},
	{"zentral_audit", "zentral_audit", "inventory zentral"},
	{"machine_tag", "machine_tag", "machine"},
	{"inventory_cleanup_started", "inventory_cleanup_started", "inventory inventory_cleanup zentral"},
	{"inventory_cleanup_finished", "inventory_cleanup_finished", "inventory inventory_cleanup zentral"},
	{"enrollment_secret_verification", "enrollment_secret_verification", ""},
	{"enrollment_info_request", "enrollment_info_request", "inventory"},
	{"osquery_enrollment", "osquery_enrollment", ""},
	{"munki_enrollment", "munki_enrollment", ""},
	{"rollcall_enrollment", "rollcall_enrollment", ""}, // ours
	{"osquery_request", "osquery_request", ""},
	{"munki_request", "munki_request", ""},
	{"zentral_machine_conflict", "zentral_machine_conflict", "machine"},
}

func TestClassesAreTheContracts(t *testing.T) {
	t.Parallel()
	for _, want := range ofTheContract {
		c, ok := classOf(want.name)
		if got := strings.Join(c.tags, " "); !ok || c.namespace != want.namespace || got != want.tags {
			t.Errorf("%s: %v, namespace %q, tags %q; want %q and %q", want.name, ok, c.namespace, got, want.namespace, want.tags)
		}
		if !slices.Contains(Types(), want.name) {
			t.Errorf("%s is not listed", want.name)
		}
	}
	if !slices.IsSorted(Types()) {
		t.Error("types are not in order")
	}
}

func TestWhatIsNoType(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "add_machine_", "add_machine_X", "machine", "add_machine_platform", "remove_machine_imei", "add_machine_install_time",
		"add_machine_" + strings.Repeat("a", 65), "remove_machine", "add_machine_a-b",
	} {
		if _, ok := classOf(name); ok {
			t.Errorf("%q counts as a type", name)
		}
	}
	if _, ok := classOf("add_machine_quantum_link"); !ok {
		t.Error("a kind of newer agents has no type")
	}
}

func TestEveryKindHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{}
	for _, k := range snapshot.Kinds() {
		name := singular(k.Name)
		if other, taken := kinds[name]; taken {
			t.Errorf("%s and %s are both %q", k.Name, other, name)
		}
		kinds[name] = k.Name
		if !k.Single && name == k.Name {
			t.Errorf("an element of %s is called the same", k.Name)
		}
	}
}
