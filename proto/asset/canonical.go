// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// maxInteger is the largest integer that every JSON reader keeps exactly (RFC 8785, appendix D).
const maxInteger = 1 << 53

// Canonical returns the canonical body of a fact. Fields marked with the membership option are left out: they belong
// to "this asset on this machine" and would make equal assets differ. What Validate would refuse, for its size, its
// depth or its text, is an error.
func Canonical(m proto.Message) ([]byte, error) {
	return encoder{}.body(m)
}

// JSON returns the fact as people and checks see it: like Canonical, with the membership fields.
func JSON(m proto.Message) ([]byte, error) {
	return encoder{membership: true}.body(m)
}

// CanonicalScalar returns the canonical body of a fact that is one string.
func CanonicalScalar(value string) ([]byte, error) {
	out, err := appendString(nil, value)
	if err != nil {
		return nil, err
	}
	return out, checkSize(out)
}

// encoder writes messages; it holds no state between calls.
type encoder struct{ membership bool }

// field is what the encoder needs to know of a message field.
type field struct {
	descriptor protoreflect.FieldDescriptor
	key        string // `"name":`
	kind       protoreflect.Kind
	list       bool
	free       bool // a string that holds canonical JSON
	membership bool
}

// fieldCache maps a message's full name to its fields in key order; descriptors never change.
var fieldCache sync.Map

// fieldsOf lists the fields of a message in the order of their JSON keys.
func fieldsOf(d protoreflect.MessageDescriptor) []field {
	if cached, ok := fieldCache.Load(d.FullName()); ok {
		return cached.([]field)
	}
	fields := make([]field, 0, d.Fields().Len())
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		format, membership := optionsOf(f)
		fields = append(fields, field{
			descriptor: f,
			kind:       f.Kind(),
			list:       f.IsList(),
			key:        `"` + string(f.Name()) + `":`,
			free:       format == inventoryv1.Format_FORMAT_FREE_JSON,
			membership: membership,
		})
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].key < fields[j].key })
	fieldCache.Store(d.FullName(), fields)
	return fields
}

// optionsOf reads Rollcall's own field options.
func optionsOf(f protoreflect.FieldDescriptor) (inventoryv1.Format, bool) {
	options, ok := f.Options().(*descriptorpb.FieldOptions)
	if !ok || options == nil {
		return inventoryv1.Format_FORMAT_UNSPECIFIED, false
	}
	format, _ := proto.GetExtension(options, inventoryv1.E_Format).(inventoryv1.Format)
	membership, _ := proto.GetExtension(options, inventoryv1.E_Membership).(bool)
	return format, membership
}

// scratch holds buffers that bodies grow in.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// body returns the bytes of one message, in a slice of exactly their size.
func (e encoder) body(m proto.Message) ([]byte, error) {
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	out, err := e.message((*buffer)[:0], m.ProtoReflect(), 0)
	if err != nil {
		return nil, err
	}
	*buffer = out
	if err := checkSize(out); err != nil {
		return nil, err
	}
	return bytes.Clone(out), nil
}

// message appends an object. An empty message gives `{}`; the caller leaves that out.
func (e encoder) message(out []byte, m protoreflect.Message, depth int) ([]byte, error) {
	out = append(out, '{')
	first := len(out)
	for _, f := range fieldsOf(m.Descriptor()) {
		if (f.membership && !e.membership) || !m.Has(f.descriptor) {
			continue
		}
		before := len(out)
		if before > first {
			out = append(out, ',')
		}
		out = append(out, f.key...)
		value := len(out)
		var err error
		out, err = e.value(out, f, m.Get(f.descriptor), depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.descriptor.Name(), err)
		}
		if !f.free && isEmptyContainer(out[value:]) {
			out = out[:before]
		}
	}
	return append(out, '}'), nil
}

// value appends a field's value: a list or a single one.
func (e encoder) value(out []byte, f field, v protoreflect.Value, depth int) ([]byte, error) {
	if !f.list {
		return e.single(out, f, v, depth)
	}
	list := v.List()
	out = append(out, '[')
	first := len(out)
	for i := range list.Len() {
		before := len(out)
		if before > first {
			out = append(out, ',')
		}
		start := len(out)
		var err error
		out, err = e.single(out, f, list.Get(i), depth+1)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		if !f.free && isEmptyContainer(out[start:]) {
			out = out[:before]
		}
	}
	return append(out, ']'), nil
}

// single appends one value that is not a list.
func (e encoder) single(out []byte, f field, v protoreflect.Value, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errDepth
	}
	switch f.kind {
	case protoreflect.StringKind:
		if f.free {
			return appendFree(out, v.String(), depth)
		}
		return appendString(out, v.String())
	case protoreflect.Int64Kind, protoreflect.Int32Kind:
		return appendInteger(out, v.Int())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		if v.Uint() > maxInteger {
			return nil, fmt.Errorf("integer %d is above 2^53", v.Uint())
		}
		return strconv.AppendUint(out, v.Uint(), 10), nil
	case protoreflect.BoolKind:
		return strconv.AppendBool(out, v.Bool()), nil
	case protoreflect.MessageKind:
		return e.message(out, v.Message(), depth)
	default:
		return nil, fmt.Errorf("field type %s has no canonical form", f.kind)
	}
}

// appendFree appends a string that holds canonical JSON, as JSON.
func appendFree(out []byte, text string, depth int) ([]byte, error) {
	start := len(out)
	out = append(out, text...)
	if err := validate(out[start:], depth); err != nil {
		return nil, fmt.Errorf("free JSON: %w", err)
	}
	return out, nil
}

// isEmptyContainer tells whether raw is `{}` or `[]`.
func isEmptyContainer(raw []byte) bool {
	return len(raw) == 2 && (raw[0] == '{' || raw[0] == '[')
}

// appendInteger appends an integer of at most 2^53 either way.
func appendInteger(out []byte, n int64) ([]byte, error) {
	if n > maxInteger || n < -maxInteger {
		return nil, fmt.Errorf("integer %d is beyond 2^53", n)
	}
	return strconv.AppendInt(out, n, 10), nil
}

// plainASCII holds the bytes that stand for themselves in a string, whatever stands around them.
var plainASCII = func() (plain [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// appendString appends a JSON string with the fewest escapes. NUL and invalid UTF-8 are errors: PostgreSQL can store
// neither.
func appendString(out []byte, s string) ([]byte, error) {
	out = append(out, '"')
	at := 0
	for at < len(s) && plainASCII[s[at]] {
		at++
	}
	out = append(out, s[:at]...)
	s = s[at:]
	if s == "" {
		return append(out, '"'), nil
	}
	if !utf8.ValidString(s) {
		return nil, errUTF8
	}
	plain := 0
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || plainASCII[c] {
			continue
		}
		if c == 0 {
			return nil, errNUL
		}
		out = append(out, s[plain:i]...)
		out = append(out, escapeOf(c)...)
		plain = i + 1
	}
	out = append(out, s[plain:]...)
	return append(out, '"'), nil
}

// escapeOf returns the one canonical escape of a character that must not stand plain in a string.
func escapeOf(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\b':
		return `\b`
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\f':
		return `\f`
	case '\r':
		return `\r`
	default:
		const hexDigits = "0123456789abcdef"
		return `\u00` + string(hexDigits[c>>4]) + string(hexDigits[c&15])
	}
}

// IsFreeJSON tells whether a string field holds canonical JSON.
func IsFreeJSON(f protoreflect.FieldDescriptor) bool {
	format, _ := optionsOf(f)
	return format == inventoryv1.Format_FORMAT_FREE_JSON
}

// MembershipField returns the field of a message that says something about "this asset on this machine", nil when
// there is none.
func MembershipField(d protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	for _, f := range fieldsOf(d) {
		if f.membership {
			return f.descriptor
		}
	}
	return nil
}
