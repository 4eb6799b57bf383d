// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// Columns that rows of a machine are ordered by: the first that a fact has.
var (
	nameColumns    = []string{"name", "display_name", "bundle_name", "bundle_id", "common_name", "package_id", "identifier", "path"}
	versionColumns = []string{"version", "version_name", "bundle_version_str", "bundle_version"}
)

// decoder reads the bodies of a kind's facts.
type decoder struct {
	fields         []field
	names, version []int // columns of nameColumns and versionColumns
}

func newDecoder(fields []field) *decoder {
	d := &decoder{fields: fields}
	place := func(columns []string) (places []int) {
		for _, c := range columns {
			if i := slices.IndexFunc(fields, func(f field) bool { return f.name == c }); i >= 0 {
				places = append(places, i)
			}
		}
		return places
	}
	d.names, d.version = place(nameColumns), place(versionColumns)
	return d
}

func (d *decoder) decode(body []byte) (fact, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		return fact{}, err
	}
	inner := map[string]map[string]json.RawMessage{}
	cells := make([]table.Cell, len(d.fields))
	for i, f := range d.fields {
		raw, err := f.find(top, inner)
		if err == nil {
			cells[i], err = f.cell(raw)
		}
		if err != nil {
			return fact{}, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return fact{name: firstOf(cells, d.names), version: firstOf(cells, d.version), cells: cells}, nil
}

// find returns the JSON of a field; nil when the body has none. inner remembers the objects inside.
func (f *field) find(top map[string]json.RawMessage, inner map[string]map[string]json.RawMessage) (json.RawMessage, error) {
	if len(f.path) == 1 {
		return top[f.path[0]], nil
	}
	object, known := inner[f.path[0]]
	if !known {
		if raw := top[f.path[0]]; raw != nil {
			if err := json.Unmarshal(raw, &object); err != nil {
				return nil, err
			}
		}
		inner[f.path[0]] = object
	}
	return object[f.path[1]], nil
}

func (f *field) cell(raw json.RawMessage) (table.Cell, error) {
	if raw == nil || string(raw) == "null" {
		return table.Null(), nil
	}
	if f.format == inventoryv1.Format_FORMAT_FREE_JSON {
		return table.Text(string(raw)), nil
	}
	switch f.kind {
	case protoreflect.BoolKind:
		b, err := strconv.ParseBool(string(raw))
		return table.Bool(b), err
	case protoreflect.Int64Kind:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return table.Int(n), err
	}
	text, err := textOf(raw)
	if err != nil || f.format != inventoryv1.Format_FORMAT_DATETIME {
		return table.Text(text), err
	}
	at, err := time.Parse("2006-01-02T15:04:05", text) // a fraction is taken, too
	if err != nil {
		return table.Text(text), nil //nolint:nilerr // what is no moment is shown as it is
	}
	return table.Time(at), nil
}

// textOf returns a JSON string's text, which is the caller's own.
func textOf(raw json.RawMessage) (string, error) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

func firstOf(cells []table.Cell, places []int) string {
	for _, i := range places {
		if text := cells[i].String(); text != "" {
			return text
		}
	}
	return ""
}
