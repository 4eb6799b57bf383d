// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// maxInteger is the largest integer that every JSON reader keeps exactly.
const maxInteger = 1 << 53

// scalar reads one value of a field that holds no message. It reports false for
// null, and for free JSON that is an empty object.
func (p *parser) scalar(f *field) (value protoreflect.Value, ok bool, err error) {
	if f.format == inventoryv1.Format_FORMAT_FREE_JSON {
		text, err := p.freeJSON()
		return protoreflect.ValueOfString(text), text != "", err
	}
	token, err := p.next()
	if err != nil || token == nil {
		return value, false, err
	}
	switch f.Kind() {
	case protoreflect.BoolKind:
		b, isBool := token.(bool)
		if !isBool {
			return value, false, p.wrongType("a boolean", token)
		}
		return protoreflect.ValueOfBool(b), true, nil
	case protoreflect.Int64Kind:
		n, err := p.integer(token)
		return protoreflect.ValueOfInt64(n), true, err
	case protoreflect.StringKind:
		text, err := p.text(f, token)
		return protoreflect.ValueOfString(text), true, err
	}
	return value, false, p.refuse("the model's type %s has no JSON form", f.Kind())
}

// integer takes a number without fraction and exponent, or its digits in a string.
func (p *parser) integer(token json.Token) (int64, error) {
	var digits string
	switch token := token.(type) {
	case json.Number:
		digits = token.String()
	case string:
		digits = strings.TrimSpace(token)
		if digits == "" {
			return 0, p.refuse("expected an integer, got an empty string")
		}
	default:
		return 0, p.wrongType("an integer", token)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n > maxInteger || n < -maxInteger):
		return 0, p.refuse("integer is beyond 2^53")
	case err != nil:
		return 0, p.refuse("expected an integer, got %s", printable(digits))
	}
	return n, nil
}

// text takes a string and brings it into the form its field wants.
func (p *parser) text(f *field, token json.Token) (string, error) {
	if token == false && slices.Contains(f.choices, "false") {
		return "false", nil
	}
	text, ok := token.(string)
	switch {
	case !ok && f.format == inventoryv1.Format_FORMAT_DATETIME:
		return "", p.wrongType("a date and time", token)
	case !ok:
		return "", p.wrongType("a string", token)
	case len(text) > p.limits.StringBytes:
		return "", tooLarge(pathOf(p.path), "string of %d bytes, the limit is %d", len(text), p.limits.StringBytes)
	case strings.IndexByte(text, 0) >= 0:
		return "", p.refuse("NUL in a string")
	case f.choices != nil && !slices.Contains(f.choices, text):
		return "", p.refuse("%s is none of %s", printable(text), strings.Join(f.choices, ", "))
	case f.format != inventoryv1.Format_FORMAT_DATETIME:
		return text, nil
	}
	canonical, err := normal.ParseDatetime(text)
	if err != nil {
		return "", p.refuse("expected a date and time, got %s", printable(text))
	}
	return canonical, nil
}

// freeJSON takes any object and returns its canonical form, "" for null and {}.
func (p *parser) freeJSON() (string, error) {
	var raw json.RawMessage
	err := p.decoder.Decode(&raw)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "", p.refuse("the JSON text ends too early")
	case err != nil:
		return "", p.syntax(err)
	case string(raw) == "null":
		return "", nil
	case raw[0] != '{':
		return "", p.refuse("expected an object")
	case len(raw) > asset.MaxBodyBytes:
		return "", tooLarge(pathOf(p.path), "%d bytes, the limit is %d", len(raw), asset.MaxBodyBytes)
	}
	canonical, err := asset.CanonicalJSON(raw)
	if err != nil {
		return "", refuseFact(pathOf(p.path), err)
	}
	if string(canonical) == "{}" {
		return "", nil
	}
	return string(canonical), nil
}
