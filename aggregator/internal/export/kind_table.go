// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// contractColumns are those that the outside contract gives a kind. Other kinds have the scalar fields of their message,
// in its order.
var contractColumns = map[string][]string{
	"android_apps": {"display_name", "version_name", "version_code", "package_name", "installer_package_name"},
	"deb_packages": {"name", "version", "source", "size", "arch", "revision", "status", "maintainer", "section", "priority"},
	"ios_apps": {
		"name", "version", "ad_hoc_signed", "app_store_vendable", "beta_app", "bundle_size", "device_based_vpp", "identifier",
		"is_validated", "short_version",
	},
	"osx_app_instances": {
		"bundle_id", "bundle_name", "bundle_display_name", "bundle_version", "bundle_version_str", "bundle_path",
		"executable_path", "path", "team_id", "cd_hash", "signing_time", "secure_signing_time",
	},
	"program_instances": {
		"name", "version", "language", "publisher", "identifying_number", "install_location", "install_source",
		"uninstall_string", "install_date",
	},
}

// contractPermissions are what the outside contract asks of who exports a kind.
var contractPermissions = map[string][]auth.Permission{
	"android_apps":      {"inventory.view_androidapp"},
	"deb_packages":      {"inventory.view_debpackage"},
	"ios_apps":          {"inventory.view_iosapp"},
	"osx_app_instances": {"inventory.view_osxapp", "inventory.view_osxappinstance"},
	"program_instances": {"inventory.view_program", "inventory.view_programinstance"},
}

// Kinds lists the kinds that can be exported as a table, one row for each fact on each machine, in the model's order.
func Kinds() []string {
	var kinds []string
	for _, k := range snapshot.Kinds() {
		if !k.Single && k.Fact != nil && k.Name != snapshot.KindInstallTimes {
			kinds = append(kinds, k.Name)
		}
	}
	return kinds
}

// Permissions returns what it takes to export a kind, all of them.
func Permissions(kind string) []auth.Permission {
	if needs, ok := contractPermissions[kind]; ok {
		return needs
	}
	return []auth.Permission{auth.ReadInventory}
}

// kindTable is a table with one row for each fact of a kind on each machine.
type kindTable struct {
	kind    string
	columns []string // behind the first ones
	fields  []field  // of the columns
	// decode returns the cells of a fact, one for each column, and what rows of a machine are ordered by.
	decode func(body []byte) (fact, error)
	// timeColumn is the column of the time that a fact came to a machine, which is no part of the fact; -1: none.
	timeColumn int
}

// field is where a column's value stands in the body of a fact.
type field struct {
	name   string
	path   []string // keys from the top
	kind   protoreflect.Kind
	format inventoryv1.Format
}

// tables holds the *kindTable of each kind that was asked for.
var tables sync.Map

// tableOf returns the table of a kind.
func tableOf(kind string) (*kindTable, error) {
	if known, ok := tables.Load(kind); ok {
		return known.(*kindTable), nil
	}
	k, ok := snapshot.KindOf(kind)
	if !ok || !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("there is no table of %q", kind)
	}
	t, err := newKindTable(k)
	if err != nil {
		return nil, err
	}
	tables.Store(kind, t)
	return t, nil
}

func newKindTable(k snapshot.Kind) (*kindTable, error) {
	t := &kindTable{kind: k.Name, columns: contractColumns[k.Name], timeColumn: -1}
	if t.columns == nil {
		for _, f := range fieldsOf(k.Fact, nil) {
			if len(f.path) == 1 {
				t.columns = append(t.columns, f.name)
			}
		}
	}
	var err error
	if t.fields, err = fieldsNamed(k.Name, t.columns); err != nil {
		return nil, err
	}
	if came := asset.MembershipField(k.Fact); came != nil {
		t.timeColumn = slices.Index(t.columns, string(came.Name()))
	}
	t.decode = newDecoder(t.fields).decode
	if k.Name == "deb_packages" {
		t.decode = decodeDebPackage // most rows of most fleets
	}
	return t, nil
}

// fieldsOf returns the scalar fields of a message, and behind them those of the messages that it cannot be without: the
// app of an instance.
func fieldsOf(d protoreflect.MessageDescriptor, path []string) []field {
	var own, inner []field
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		options, _ := f.Options().(*descriptorpb.FieldOptions)
		at := append(slices.Clone(path), string(f.Name()))
		switch {
		case f.IsList() || f.IsMap():
		case f.Message() != nil:
			if required, _ := proto.GetExtension(options, inventoryv1.E_Required).(bool); required && path == nil {
				inner = append(inner, fieldsOf(f.Message(), at)...)
			}
		default:
			format, _ := proto.GetExtension(options, inventoryv1.E_Format).(inventoryv1.Format)
			own = append(own, field{name: string(f.Name()), path: at, kind: f.Kind(), format: format})
		}
	}
	return append(own, inner...)
}

// fieldsNamed returns some fields of a kind's facts, in the order asked for.
func fieldsNamed(kind string, names []string) ([]field, error) {
	k, ok := snapshot.KindOf(kind)
	if !ok || k.Fact == nil {
		return nil, fmt.Errorf("there is no table of %q", kind)
	}
	all := fieldsOf(k.Fact, nil)
	var found []field
	for _, name := range names {
		at := slices.IndexFunc(all, func(f field) bool { return f.name == name })
		if at < 0 {
			return nil, fmt.Errorf("%s have no %s", kind, name)
		}
		found = append(found, all[at])
	}
	return found, nil
}
