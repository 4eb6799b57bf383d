// SPDX-License-Identifier: Apache-2.0

// Package plist reads the property lists of macOS, binary and XML, into plain values.
//
// What it reads may come from anybody who can put an application into a folder. So a list is bounded in depth and in the
// number of its values, those counted again that a binary list refers to more than once: a few hundred bytes can stand
// for more values than any memory holds. It writes nothing, and refuses the old text form.
package plist

import (
	"bytes"
	"errors"
	"fmt"
)

// Limits of one list.
const (
	maxDepth  = 64
	maxValues = 200_000
	maxText   = 16 << 20 // bytes of strings
)

// ErrFormat is returned, wrapped, for what is no property list, or one beyond the limits.
var ErrFormat = errors.New("not a property list")

// Decode returns the value of a property list: a Dict, []any, string, int64, float64, bool, []byte or time.Time. Data may
// share memory with raw.
func Decode(raw []byte) (any, error) {
	if bytes.HasPrefix(raw, []byte("bplist0")) {
		return decodeBinary(raw)
	}
	return decodeXML(raw)
}

// DecodeDict is Decode for a list whose value is a dictionary, as nearly all are.
func DecodeDict(raw []byte) (Dict, error) {
	value, err := Decode(raw)
	if err != nil {
		return nil, err
	}
	dict, ok := value.(Dict)
	if !ok {
		return nil, fmt.Errorf("%w: a dictionary was expected", ErrFormat)
	}
	return dict, nil
}

// budget counts what a list holds.
type budget struct{ values, text int }

// spend books one value at a depth.
func (b *budget) spend(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: deeper than %d", ErrFormat, maxDepth)
	}
	b.values++
	if b.values > maxValues {
		return fmt.Errorf("%w: more than %d values", ErrFormat, maxValues)
	}
	return nil
}

// spendText books the bytes of a string.
func (b *budget) spendText(n int) error {
	b.text += n
	if b.text > maxText {
		return fmt.Errorf("%w: more than %d bytes of text", ErrFormat, maxText)
	}
	return nil
}
