// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"
	"strings"
)

// Field is what a term is about.
type Field string

// The fields.
const (
	Text          Field = "" // part of the serial number or of a computer name
	SerialNumber  Field = "serial_number"
	ComputerName  Field = "computer_name"
	Platform      Field = "platform"
	Type          Field = "type"
	OSVersion     Field = "os_version" // for people: "Debian GNU/Linux 12.8"
	HardwareModel Field = "hardware_model"
	Source        Field = "source" // name of one that reports the machine
	Tag           Field = "tag"
	Taxonomy      Field = "taxonomy"      // of a tag
	BusinessUnit  Field = "business_unit" // name of a meta business unit, or of a unit or its reference as sources have it
	PrincipalUser Field = "principal_user"
	Group         Field = "group" // name of one, as sources have it
	LastSeen      Field = "last_seen"
	Check         Field = "check"
	Status        Field = "status" // the worst of all checks

	SoftwareKind    Field = "software.kind"
	SoftwareName    Field = "software.name"
	SoftwareVersion Field = "software.version"
)

var fields = []Field{
	SerialNumber, ComputerName, Platform, Type, OSVersion, HardwareModel, Source, Tag, Taxonomy, BusinessUnit, PrincipalUser,
	Group, LastSeen, Check, Status, SoftwareKind, SoftwareName, SoftwareVersion,
}

// absent are names that people try, and why they are no fields.
var absent = map[string]string{
	"public_ip":         "public addresses are private facts of each machine, which are not searched",
	"public_ip_address": "public addresses are private facts of each machine, which are not searched",
	"software.arch":     "an architecture is not kept apart from the asset; search by kind, name and version",
}

// ofAsset tells whether a field is one of assets.
func (f Field) ofAsset() bool { return strings.HasPrefix(string(f), "software.") }

// ordered tells whether a field has an order.
func (f Field) ordered() bool { return f == SoftwareVersion || f == LastSeen }

func fieldOf(word token) (Field, *Error) {
	name := Field(strings.ToLower(word.value.literal()))
	if !word.quoted && slices.Contains(fields, name) {
		return name, nil
	}
	if why, ok := absent[string(name)]; ok {
		return "", wrong(word.position, "%s is no field: %s", name, why)
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return "", wrong(word.position, "unknown field %q; there are %s. A word with an operator in it has to be quoted",
		word.value.literal(), strings.Join(names, ", "))
}
