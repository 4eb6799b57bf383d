// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// schema is what the parser needs to know of a message.
type schema struct {
	fields   map[string]*field
	names    []string // of fields, in the message's order
	required []*field
}

// field is one key of an object.
type field struct {
	protoreflect.FieldDescriptor
	name    string
	format  inventoryv1.Format
	choices []string // nil: any text
}

// choices are the values that a text field of the contract may have.
var choices = map[protoreflect.FullName][]string{
	"rollcall.inventory.v1.Snapshot.platform":                {"LINUX", "MACOS", "WINDOWS", "ANDROID", "IOS", "IPADOS", "TVOS"},
	"rollcall.inventory.v1.Snapshot.type":                    {"DESKTOP", "EC2", "LAPTOP", "MOBILE", "SERVER", "TABLET", "TV", "VM"},
	"rollcall.inventory.v1.PuppetTrustedFacts.authenticated": {"remote", "local", "false"},
	"rollcall.inventory.v1.PrincipalUserSource.type":         {"COMPANY_PORTAL", "GOOGLE_CHROME", "INVENTORY", "LOGGED_IN_USER", "SANTA_MACHINE_OWNER"},
}

// schemas holds a *schema for the full name of each message seen. Descriptors never change.
var schemas sync.Map

func schemaOf(d protoreflect.MessageDescriptor) *schema {
	if cached, ok := schemas.Load(d.FullName()); ok {
		return cached.(*schema)
	}
	s := &schema{fields: map[string]*field{}}
	for i := range d.Fields().Len() {
		f, required := fieldOf(d.Fields().Get(i))
		if f.name == snapshot.KindInstallTimes && d == snapshotDescriptor {
			continue // not a key of the tree: it is put back into the rows
		}
		s.fields[f.name] = f
		s.names = append(s.names, f.name)
		if required {
			s.required = append(s.required, f)
		}
	}
	schemas.Store(d.FullName(), s)
	return s
}

var snapshotDescriptor = (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor()

func fieldOf(d protoreflect.FieldDescriptor) (f *field, required bool) {
	f = &field{FieldDescriptor: d, name: string(d.Name()), choices: choices[d.FullName()]}
	options, ok := d.Options().(*descriptorpb.FieldOptions)
	if !ok || options == nil {
		return f, false
	}
	f.format, _ = proto.GetExtension(options, inventoryv1.E_Format).(inventoryv1.Format)
	required, _ = proto.GetExtension(options, inventoryv1.E_Required).(bool)
	return f, required
}
