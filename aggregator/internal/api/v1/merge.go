// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// ownKeys are a source's own: it names itself and the machine with them, and others say something else.
var ownKeys = []string{"source", "serial_number", "reference", "links"}

// mergeFields takes each field from the first tree that has it, which was seen last.
func mergeFields(trees []sourceTree) []mergedField {
	byPath := map[string]*mergedField{}
	for i := range trees {
		for path, value := range fieldsOf(trees[i].keys) {
			said := trees[i].says(value)
			field := byPath[path]
			switch {
			case field == nil:
				byPath[path] = &mergedField{Path: path, said: said, Conflicts: conflicts}
			case !bytes.Equal(field.Value, value):
				field.Conflicts = append(slices.Clip(field.Conflicts), said)
			}
		}
	}
	fields := []mergedField{}
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		fields = append(fields, *byPath[path])
	}
	return fields
}

// conflicts is none of them. It has no room, so that appending copies it.
var conflicts = make([]said, 0)

// fieldsOf returns what a tree has one value of, with the keys of its objects.
func fieldsOf(keys map[string]json.RawMessage) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	for key, value := range keys {
		if slices.Contains(ownKeys, key) || value[0] == '[' {
			continue
		}
		var inside map[string]json.RawMessage
		if value[0] != '{' || json.Unmarshal(value, &inside) != nil {
			fields[key] = value
			continue
		}
		for name, value := range inside {
			fields[key+"."+name] = value
		}
	}
	return fields
}

// identities are the fields that name a row of a list; without any of them it is its whole body.
var identities = map[string][]string{
	"android_apps":       {"display_name", "version_name"},
	"certificates":       {"sha_256", "sha_1"},
	"disks":              {"name"},
	"ec2_instance_tags":  {"key"},
	"groups":             {"reference", "name"},
	"network_interfaces": {"interface", "mac", "address"},
	"osx_app_instances":  {"bundle_path", "app.bundle_id", "app.bundle_version"},
	"profiles":           {"uuid"},
	"program_instances":  {"program.name", "program.version", "install_location"},
	"users":              {"name"},
	"local_groups":       {"name"},
	"services":           {"name"},
	"filesystems":        {"path"},
	"listening_ports":    {"protocol", "address", "port"},
	"browser_extensions": {"browser", "identifier", "version"},
	"security_products":  {"name"},
	"repositories":       {"name", "url", "distribution"},
	"windows_store_apps": {"name", "version"},
	"scheduled_tasks":    {"name", "type", "source"},
}

// packageIdentity is that of all other lists whose rows have a name and a version.
var packageIdentity = []string{"name", "version", "arch"}

// mergeLists unites the lists of all trees.
func mergeLists(trees []sourceTree) []mergedList {
	kinds := map[string]bool{}
	for _, t := range trees {
		for key, value := range t.keys {
			if value[0] == '[' && !slices.Contains(ownKeys, key) {
				kinds[key] = true
			}
		}
	}
	lists := []mergedList{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		lists = append(lists, mergedList{Kind: kind, Rows: mergeRows(kind, trees)})
	}
	return lists
}

// mergeRows unites one list. A row is as the source has it that was seen last.
func mergeRows(kind string, trees []sourceTree) []mergedRow {
	var order []string
	rows := map[string]*mergedRow{}
	for i := range trees {
		for key, value := range rowsOf(kind, trees[i].keys[kind]) {
			said := trees[i].says(value)
			row := rows[key]
			if row == nil {
				row = &mergedRow{said: said, Conflicts: conflicts}
				rows[key] = row
				order = append(order, key)
			} else if !bytes.Equal(row.Value, value) {
				row.Conflicts = append(slices.Clip(row.Conflicts), said)
			}
			row.Sources = append(row.Sources, said.Source)
		}
	}
	slices.Sort(order)
	out := make([]mergedRow, 0, len(order))
	for _, key := range order {
		out = append(out, *rows[key])
	}
	return out
}

// rowsOf returns the rows of a list by what names them. Several that are named alike go by their whole bodies.
func rowsOf(kind string, list json.RawMessage) map[string]json.RawMessage {
	var rows []json.RawMessage
	if json.Unmarshal(list, &rows) != nil { // the source has no such list
		return nil
	}
	times := map[string]int{}
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = identityOf(kind, row)
		times[names[i]]++
	}
	byName := make(map[string]json.RawMessage, len(rows))
	for i, row := range rows {
		if times[names[i]] > 1 {
			names[i] = string(row)
		}
		byName[names[i]] = row
	}
	return byName
}

func identityOf(kind string, row json.RawMessage) string {
	paths, ok := identities[kind]
	if !ok {
		paths = packageIdentity
	}
	var parts []string
	named := false
	for _, path := range paths {
		value := valueAt(row, path)
		named = named || value != ""
		parts = append(parts, value)
	}
	if !named {
		return string(row)
	}
	return strings.Join(parts, "\x00")
}

// valueAt returns the value at a path of an object, "" when there is none.
func valueAt(row json.RawMessage, path string) string {
	key, rest, deeper := strings.Cut(path, ".")
	var object map[string]json.RawMessage
	if json.Unmarshal(row, &object) != nil {
		return ""
	}
	if deeper {
		return valueAt(object[key], rest)
	}
	return string(object[key])
}
