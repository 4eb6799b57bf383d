// SPDX-License-Identifier: Apache-2.0

// Package snapshot cuts an inventory into sections and computes their digests, the root and differences.
//
// A section is the set of all assets of one kind: order never matters, equal facts count once. Both sides of the
// protocol use this package and nothing else, so that both compute one root. It does no input or output.
package snapshot

import (
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// KindInstallTimes is the private kind that carries the membership fields of other kinds' rows.
const KindInstallTimes = "install_times"

// Kind describes a kind; it is the field of inventoryv1.Snapshot with that name.
type Kind struct {
	Name   string                         // spelled as the snapshot tree's key
	Shared bool                           // bodies live once for the fleet; otherwise with the machine
	Single bool                           // at most one asset
	Field  protoreflect.FieldDescriptor   // of inventoryv1.Snapshot
	Fact   protoreflect.MessageDescriptor // nil when the fact is one string: `imei`, `meid`, `extra_facts`
}

// registry holds the kinds in the order of the message's fields.
var registry = sync.OnceValues(func() ([]Kind, map[string]Kind) {
	fields := (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor().Fields()
	var kinds []Kind
	byName := map[string]Kind{}
	for i := range fields.Len() {
		f := fields.Get(i)
		options, _ := f.Options().(*descriptorpb.FieldOptions)
		sharing, _ := proto.GetExtension(options, inventoryv1.E_Sharing).(inventoryv1.Sharing)
		if sharing == inventoryv1.Sharing_SHARING_UNSPECIFIED {
			continue
		}
		k := Kind{
			Name:   string(f.Name()),
			Shared: sharing == inventoryv1.Sharing_SHARING_SHARED,
			Single: !f.IsList(),
			Field:  f,
			Fact:   f.Message(),
		}
		kinds = append(kinds, k)
		byName[k.Name] = k
	}
	return kinds, byName
})

// Kinds lists every kind in the order of the model. The slice is shared: do not change it.
func Kinds() []Kind {
	kinds, _ := registry()
	return kinds
}

// KindOf returns the kind with that name; false when the model has none.
func KindOf(name string) (Kind, bool) {
	_, byName := registry()
	k, ok := byName[name]
	return k, ok
}
