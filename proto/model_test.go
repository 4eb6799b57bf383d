// SPDX-License-Identifier: Apache-2.0

package proto_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// plainFields are the fields of Snapshot that are not sections.
var plainFields = map[string]bool{
	"source": true, "serial_number": true, "reference": true, "public_ip_address": true, "platform": true, "type": true,
}

// kinds are the sections that readers outside rely on, by name.
const kinds = `imei meid links business_unit groups os_version system_info disks network_interfaces android_apps
	deb_packages ios_apps osx_app_instances program_instances profiles certificates ec2_instance_metadata
	ec2_instance_tags teamviewer puppet_node principal_user extra_facts
	rpm_packages apk_packages pacman_packages snap_packages flatpak_apps brew_packages python_packages npm_packages
	gem_packages go_binaries java_components jvms windows_store_apps receipts browser_extensions repositories
	pending_updates services scheduled_tasks users local_groups listening_ports bios board processors memory_modules
	pci_devices usb_devices batteries monitors partitions filesystems routes dns_servers shares printers
	security_products virtual_machines cloud_instance trusted_certificates install_times`

func TestSnapshotHasEveryKind(t *testing.T) {
	t.Parallel()
	want := make(map[string]bool)
	for _, kind := range strings.Fields(kinds) {
		want[kind] = true
	}
	fields := snapshotFields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.Name())
		sharing := option[inventoryv1.Sharing](field, inventoryv1.E_Sharing)
		isKind := sharing != inventoryv1.Sharing_SHARING_UNSPECIFIED
		if isKind != want[name] || isKind == plainFields[name] {
			t.Errorf("%s: sharing %v, listed as kind %v, as plain field %v", name, sharing, want[name], plainFields[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("kind %s is missing", name)
	}
}

func TestEveryFieldCanBeHashed(t *testing.T) {
	t.Parallel()
	seen := make(map[protoreflect.FullName]bool)
	checkMessage(t, (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor(), seen)
	if len(seen) < 60 {
		t.Errorf("only %d messages reached", len(seen))
	}
}

// checkMessage walks the messages that md reaches.
func checkMessage(t *testing.T, md protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) {
	t.Helper()
	if seen[md.FullName()] {
		return
	}
	seen[md.FullName()] = true
	for i := range md.Fields().Len() {
		field := md.Fields().Get(i)
		checkField(t, field)
		if field.Message() != nil {
			checkMessage(t, field.Message(), seen)
		}
	}
}

func checkField(t *testing.T, field protoreflect.FieldDescriptor) {
	t.Helper()
	name := field.FullName()
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.Int64Kind, protoreflect.BoolKind:
		if !field.IsList() && !field.HasPresence() {
			t.Errorf("%s: a scalar without presence loses its zero", name)
		}
	case protoreflect.MessageKind:
		if field.IsMap() {
			t.Errorf("%s: a map", name)
		}
	default:
		t.Errorf("%s: %v is not a kind of value that bodies hold", name, field.Kind())
	}
	format := option[inventoryv1.Format](field, inventoryv1.E_Format)
	if format != inventoryv1.Format_FORMAT_UNSPECIFIED && (field.Kind() != protoreflect.StringKind || field.IsList()) {
		t.Errorf("%s: %v on something else than one string", name, format)
	}
	isSnapshot := field.ContainingMessage() == (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor()
	if sharing := option[inventoryv1.Sharing](field, inventoryv1.E_Sharing); sharing != 0 && !isSnapshot {
		t.Errorf("%s: %v outside of Snapshot", name, sharing)
	}
}

func TestMembershipIsOneMomentOfARow(t *testing.T) {
	t.Parallel()
	rows := make(map[protoreflect.FullName]bool)
	fields := snapshotFields()
	for i := range fields.Len() {
		if field := fields.Get(i); field.IsList() && field.Message() != nil {
			rows[field.Message().FullName()] = true
		}
	}
	for i := range fields.Len() {
		md := fields.Get(i).Message()
		if md == nil {
			continue
		}
		var members []string
		for j := range md.Fields().Len() {
			field := md.Fields().Get(j)
			if !option[bool](field, inventoryv1.E_Membership) {
				continue
			}
			members = append(members, string(field.Name()))
			if option[inventoryv1.Format](field, inventoryv1.E_Format) != inventoryv1.Format_FORMAT_DATETIME {
				t.Errorf("%s: a membership field that is no moment", field.FullName())
			}
		}
		if len(members) > 1 || len(members) == 1 && !rows[md.FullName()] {
			t.Errorf("%s: membership fields %v", md.FullName(), members)
		}
	}
}

func snapshotFields() protoreflect.FieldDescriptors {
	return (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor().Fields()
}

// option returns the value of one of our options of field.
func option[T any](field protoreflect.FieldDescriptor, extension protoreflect.ExtensionType) T {
	value, _ := proto.GetExtension(field.Options(), extension).(T)
	return value
}
