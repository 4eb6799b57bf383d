// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// fullModels are the tables of a full export in the order of their files.
var fullModels = []string{
	"machine", "business_unit", "meta_business_unit", "os_version", "principal_user", "source", "system_info", "disk",
	"machine_disks", "network_interface", "machine_network_interface", "certificate", "machine_certificate", "profile",
	"machine_profile", "macos_app", "macos_app_instance", "machine_macos_app_instance", "android_app", "machine_android_app",
	"deb_package", "machine_deb_package", "ec2_instance_metadata", "ec2_instance_tag", "machine_ec2_instance_tag", "ios_app",
	"machine_ios_app", "program", "program_instance", "machine_program_instance",
}

// fullKind is a section that a full export has: its rows and, of lists, what joins them to machines.
type fullKind struct {
	kind  string
	model string
	join  string // "": the machine's line has the id
	dated bool   // the contract has install dates; they differ between machines, so what joins them has the date
}

var fullKinds = []fullKind{
	{kind: "os_version", model: "os_version"},
	{kind: "system_info", model: "system_info"},
	{kind: "principal_user", model: "principal_user"},
	{kind: "ec2_instance_metadata", model: "ec2_instance_metadata"},
	{kind: "disks", model: "disk", join: "machine_disks"},
	{kind: "network_interfaces", model: "network_interface", join: "machine_network_interface"},
	{kind: "certificates", model: "certificate", join: "machine_certificate"},
	{kind: "profiles", model: "profile", join: "machine_profile", dated: true},
	{kind: "osx_app_instances", model: "macos_app_instance", join: "machine_macos_app_instance"},
	{kind: "android_apps", model: "android_app", join: "machine_android_app"},
	{kind: "deb_packages", model: "deb_package", join: "machine_deb_package"},
	{kind: "ec2_instance_tags", model: "ec2_instance_tag", join: "machine_ec2_instance_tag"},
	{kind: "ios_apps", model: "ios_app", join: "machine_ios_app"},
	{kind: "program_instances", model: "program_instance", join: "machine_program_instance", dated: true},
}

// fullFields are the contract's fields of each model, which its lines always have. Fields beyond them follow where an
// object has any.
var fullFields = map[string][]string{
	"os_version":     {"name", "major", "minor", "patch", "build", "version"},
	"principal_user": {"unique_id", "principal_name", "display_name"},
	"system_info": {
		"computer_name", "hostname", "hardware_model", "hardware_serial", "cpu_type", "cpu_subtype", "cpu_brand",
		"cpu_physical_cores", "cpu_logical_cores", "physical_memory",
	},
	"disk":              {"name", "size", "path", "label", "encryption_status", "filevault_status"},
	"network_interface": {"interface", "mac", "address", "mask", "broadcast"},
	"certificate": {
		"common_name", "organization", "organizational_unit", "domain", "sha_1", "sha_256", "valid_from", "valid_until",
	},
	"profile": {
		"uuid", "identifier", "display_name", "description", "organization", "removal_disallowed", "has_removal_passcode",
		"encrypted", "verified",
	},
	"macos_app": {"bundle_id", "bundle_name", "bundle_display_name", "bundle_version", "bundle_version_str"},
	"macos_app_instance": {
		"bundle_path", "executable_path", "path", "type", "team_id", "cd_hash", "sha_1", "sha_256", "entitlements",
		"signing_time", "secure_signing_time",
	},
	"android_app": {"display_name", "version_name", "version_code", "package_name", "installer_package_name"},
	"deb_package": {
		"name", "version", "source", "arch", "revision", "status", "maintainer", "section", "priority", "size",
	},
	"ec2_instance_metadata": {
		"instance_id", "instance_type", "architecture", "region", "availability_zone", "local_hostname", "mac", "ami_id",
		"reservation_id", "account_id", "local_ipv4", "security_groups", "iam_arn", "ssh_public_key",
	},
	"ec2_instance_tag": {"key", "value"},
	"ios_app": {
		"name", "version", "short_version", "identifier", "bundle_size", "ad_hoc_signed", "app_store_vendable", "beta_app",
		"device_based_vpp", "is_validated",
	},
	"program":          {"name", "upgrade_code", "version", "language", "publisher", "identifying_number"},
	"program_instance": {"install_location", "install_source", "uninstall_string"},
}

// reference is a nested object that has lines of its own: the field becomes the id of one of them.
type reference struct{ field, model, kind string }

// fullReferences are those of each model. The kind is what digests of the objects are made with, so that a certificate
// in a section and one that signed something are one.
var fullReferences = map[string][]reference{
	"certificate":        {{"signed_by", "certificate", "certificates"}},
	"profile":            {{"signed_by", "certificate", "certificates"}},
	"macos_app_instance": {{"app", "macos_app", "macos_app"}, {"signed_by", "certificate", "certificates"}},
	"program_instance":   {{"program", "program", "program"}},
}

// row writes the line of an object, after the lines of those inside it.
func (w *fullWriter) row(model string, id int64, body []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("%s %d: %w", model, id, err)
	}
	var line bytes.Buffer
	o := objectWriter{out: &line}
	o.int("id", id)
	for _, r := range fullReferences[model] {
		number := int64(0)
		if inner, ok := fields[r.field]; ok {
			delete(fields, r.field)
			var err error
			if number, err = w.nested(r.model, asset.Of(r.kind, inner), inner); err != nil {
				return err
			}
		}
		o.idOrNull(r.field+"_id", number)
	}
	if model == "principal_user" {
		userSource(&o, fields)
	}
	for _, field := range fullFields[model] {
		o.raw(field, scalar(fields[field]))
		delete(fields, field)
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		name := jsonText(field)
		if field == "id" { // of an operating system: the line has one of its own
			name = jsonText(model + "_own_id")
		}
		o.raw(string(name[1:len(name)-1]), scalar(fields[field]))
	}
	o.end()
	line.WriteByte('\n')
	return w.files.add(model, line.Bytes())
}

// nested returns the number of an object and writes its line when it is new.
func (w *fullWriter) nested(model string, digest asset.Digest, body []byte) (int64, error) {
	number, fresh := w.numbers.of(model, digest)
	if !fresh {
		return number, nil
	}
	return number, w.row(model, number, body)
}

// userSource writes where a principal user comes from, which has no model of its own.
func userSource(o *objectWriter, fields map[string]json.RawMessage) {
	var source struct {
		Type       json.RawMessage `json:"type"`
		Properties json.RawMessage `json:"properties"`
	}
	_ = json.Unmarshal(fields["source"], &source) // what it lacks is null
	delete(fields, "source")
	o.raw("source_type", scalar(source.Type))
	o.raw("source_properties", scalar(source.Properties))
}

// scalar returns a value as lines have it: free JSON, and lists, as JSON text in a text.
func scalar(raw json.RawMessage) []byte {
	switch {
	case len(raw) == 0:
		return []byte("null")
	case raw[0] == '{' || raw[0] == '[':
		return jsonText(string(raw))
	}
	return raw
}
