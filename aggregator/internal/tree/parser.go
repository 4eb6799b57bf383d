// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// parser reads tokens into messages and knows where it is.
type parser struct {
	decoder *json.Decoder
	limits  Limits
	extra   map[string]func() error // top-level keys that are not in the model
	path    []step
	depth   int
	rows    int
}

// next returns the next token.
func (p *parser) next() (json.Token, error) {
	token, err := p.decoder.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, refuse(pathOf(p.path), "the JSON text ends too early")
	case err != nil:
		return nil, p.syntax(err)
	}
	return token, nil
}

func (p *parser) syntax(err error) error {
	return refuse(pathOf(p.path), "not JSON near byte %d: %v", p.decoder.InputOffset(), err)
}

func (p *parser) refuse(format string, args ...any) error {
	return refuse(pathOf(p.path), format, args...)
}

// wrongType names what was expected and what came.
func (p *parser) wrongType(want string, got json.Token) error {
	name := "a string"
	switch got := got.(type) {
	case nil:
		name = "null"
	case bool:
		name = "a boolean"
	case json.Number:
		name = "a number"
	case json.Delim:
		name = map[json.Delim]string{'{': "an object", '[': "a list"}[got]
	}
	return p.refuse("expected %s, got %s", want, name)
}

// object reads the rest of an object whose opening brace is consumed, and
// reports whether anything was set. Required keys are asked for only then: an
// object without values counts as not given.
func (p *parser) object(m protoreflect.Message) (filled bool, err error) {
	if p.depth++; p.depth > p.limits.Depth {
		return false, tooLarge(pathOf(p.path), "nested deeper than %d", p.limits.Depth)
	}
	s := schemaOf(m.Descriptor())
	seen := map[string]bool{}
	for p.decoder.More() {
		token, err := p.next()
		if err != nil {
			return false, err
		}
		key, _ := token.(string)
		p.path = append(p.path, step{key: key})
		if seen[key] {
			return false, p.refuse("key stands twice")
		}
		seen[key] = true
		if err := p.member(m, s, key); err != nil {
			return false, err
		}
		p.path = p.path[:len(p.path)-1]
	}
	if _, err := p.next(); err != nil { // the closing brace
		return false, err
	}
	p.depth--
	filled = !isEmpty(m)
	if filled || p.depth == 0 {
		return filled, p.checkRequired(m, s)
	}
	return filled, nil
}

func isEmpty(m protoreflect.Message) bool {
	empty := true
	m.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
		empty = false
		return false
	})
	return empty
}

func (p *parser) checkRequired(m protoreflect.Message, s *schema) error {
	for _, f := range s.required {
		if !m.Has(f.FieldDescriptor) {
			p.path = append(p.path, step{key: f.name})
			return p.refuse("required key is missing")
		}
	}
	return nil
}

// member reads the value of one key.
func (p *parser) member(m protoreflect.Message, s *schema, key string) error {
	f, known := s.fields[key]
	switch read := p.extra[key]; {
	case known && f.IsList():
		return p.list(m, f)
	case known:
		return p.single(m, f)
	case read != nil && p.depth == 1:
		return read()
	}
	names := s.names
	if p.depth == 1 {
		names = append(slices.Clone(names), "last_seen", "system_uptime")
	}
	if hint := nearest(key, names); hint != "" {
		return p.refuse("unknown key; did you mean %q?", hint)
	}
	return p.refuse("unknown key")
}

// single reads a value that is not a list.
func (p *parser) single(m protoreflect.Message, f *field) error {
	if f.Message() == nil {
		value, ok, err := p.scalar(f)
		if ok && err == nil {
			m.Set(f.FieldDescriptor, value)
		}
		return err
	}
	token, err := p.next()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('{') {
		return p.wrongType("an object", token)
	}
	filled, err := p.object(m.Mutable(f.FieldDescriptor).Message())
	if !filled {
		m.Clear(f.FieldDescriptor)
	}
	return err
}

// list reads a list. Nulls and empty objects in it are left out.
func (p *parser) list(m protoreflect.Message, f *field) error {
	token, err := p.next()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('[') {
		return p.wrongType("a list", token)
	}
	list := m.NewField(f.FieldDescriptor).List()
	for i := 0; p.decoder.More(); i++ {
		p.path = append(p.path, step{index: i})
		if err := p.element(list, f); err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
	}
	if _, err := p.next(); err != nil { // the closing bracket
		return err
	}
	if f.Message() != nil && p.depth > 1 {
		if err := sortRows(list); err != nil {
			return refuseFact(pathOf(p.path), err)
		}
	}
	if list.Len() > 0 {
		m.Set(f.FieldDescriptor, protoreflect.ValueOfList(list))
	}
	return nil
}

func (p *parser) element(list protoreflect.List, f *field) error {
	if p.rows++; p.rows > p.limits.Rows {
		return tooLarge(pathOf(p.path), "more than %d rows", p.limits.Rows)
	}
	if f.Message() == nil {
		value, ok, err := p.scalar(f)
		if ok && err == nil {
			list.Append(value)
		}
		return err
	}
	token, err := p.next()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('{') {
		return p.wrongType("an object", token)
	}
	row := list.NewElement()
	filled, err := p.object(row.Message())
	if filled && err == nil {
		list.Append(row)
	}
	return err
}

// sortRows makes a list inside a fact a set: in the order of its rows' canonical
// bodies, each once. The sections of the snapshot are sets anyway.
func sortRows(list protoreflect.List) error {
	type row struct {
		body  []byte
		value protoreflect.Value
	}
	rows := make([]row, list.Len())
	for i := range rows {
		body, err := asset.JSON(list.Get(i).Message().Interface())
		if err != nil {
			return err
		}
		rows[i] = row{body, list.Get(i)}
	}
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.body, b.body) })
	rows = slices.CompactFunc(rows, func(a, b row) bool { return bytes.Equal(a.body, b.body) })
	for i, r := range rows {
		list.Set(i, r.value)
	}
	list.Truncate(len(rows))
	return nil
}
