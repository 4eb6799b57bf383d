// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"slices"
	"strings"
)

// model holds messages by name. It understands the way that the .proto files here are written (one field or option a
// line, comments above), not the whole language.
type model map[string]message

// message is one message with its fields in the order of the file.
type message struct {
	name, comment string
	fields        []field
}

// field is one field; typ is its protobuf type. path is its name, behind those of the fields that hold its message.
type field struct {
	name, typ, comment, options, path string
	list                              bool
}

// scalars are the types of values in JSON terms.
var scalars = map[string]string{
	"string": "text", "int64": "integer", "uint64": "integer", "int32": "integer", "uint32": "integer", "bool": "boolean",
}

var (
	messageLine = regexp.MustCompile(`^message (\w+) \{`)
	fieldLine   = regexp.MustCompile(`^(?:(optional|repeated) )?([\w.]+) (\w+) = \d+\s*(.*)$`)
)

// parse adds the messages of one file.
func (m model) parse(text string) {
	var (
		comment []string
		current *message
		pending string // a field whose options go on in the next line
	)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "//"); ok {
			comment = append(comment, strings.TrimSpace(text))
			continue
		}
		if pending != "" || current != nil && strings.Contains(line, " = ") && !strings.HasSuffix(line, ";") {
			pending += " " + line
			if !strings.HasSuffix(line, ";") {
				continue
			}
			line, pending = strings.TrimSpace(pending), ""
		}
		switch {
		case messageLine.MatchString(line):
			current = &message{name: messageLine.FindStringSubmatch(line)[1], comment: strings.Join(comment, " ")}
		case line == "}" && current != nil:
			m[current.name] = *current
			current = nil
		case current != nil && fieldLine.MatchString(line):
			part := fieldLine.FindStringSubmatch(line)
			current.fields = append(current.fields, field{
				name: part[3], typ: part[2], list: part[1] == "repeated", options: part[4], comment: strings.Join(comment, " "),
			})
		}
		comment = nil
	}
}

// sections returns the fields of Snapshot that are kinds, or those that are not.
func (m model) sections(are bool) []field {
	var found []field
	for _, f := range m["Snapshot"].fields {
		if strings.Contains(f.options, "sharing") == are {
			found = append(found, f)
		}
	}
	return found
}

// kindOf returns the kind whose rows are of a type, "" when there is none.
func (m model) kindOf(typ string) string {
	for _, f := range m.sections(true) {
		if _, ok := m[typ]; ok && f.typ == typ {
			return f.name
		}
	}
	return ""
}

// under returns the fields of a message and of the objects in them. Rows of a kind inside another row are described with
// their kind alone.
func (m model) under(typ, prefix string, above ...string) []field {
	var found []field
	for _, f := range m[typ].fields {
		f.path = prefix + f.name
		found = append(found, f)
		if m.kindOf(f.typ) == "" && !slices.Contains(above, f.typ) {
			found = append(found, m.under(f.typ, f.path+".", append(above, typ)...)...)
		}
	}
	return found
}

// valueType says what a field holds, in JSON terms.
func (f field) valueType() string {
	name := f.typ
	if plain, ok := scalars[f.typ]; ok {
		name = plain
	}
	switch {
	case strings.Contains(f.options, "FORMAT_DATETIME"):
		name = "moment"
	case strings.Contains(f.options, "FORMAT_FREE_JSON"):
		name = "any JSON"
	}
	if f.list {
		return "list of " + name
	}
	return name
}
