// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/bits"
	"strings"
)

// bytesPerStep is how much text is compared, searched or copied for one step.
const bytesPerStep = 32

// A value may be shown in an answer when it has no more than this many parts
// and bytes of text. Counting before printing matters: an expression can build a
// small value that refers to itself many times over and prints without end.
const (
	maxShownParts = 4096
	maxShownBytes = 256 << 10
)

// truthy says how logic and filters see a value: false, null and everything
// empty count as false.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// typeName returns the JMESPath name of v's type.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case *node:
		return "expression"
	}
	return "unknown"
}

func (m *meter) chargeText(n int) error { return m.charge(n / bytesPerStep) }

// chargeSort pays for sorting n values that hold so many bytes of text.
func (m *meter) chargeSort(n, text int) error {
	return m.charge((2*n + text/bytesPerStep) * (1 + bits.Len(uint(n))))
}

// equal compares two values part by part.
func (m *meter) equal(a, b any) (bool, error) {
	if err := m.charge(1); err != nil {
		return false, err
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return m.equalLists(a, b, ok && len(a) == len(b))
	case map[string]any:
		b, ok := b.(map[string]any)
		return m.equalObjects(a, b, ok && len(a) == len(b))
	case string:
		b, ok := b.(string)
		if !ok || len(a) != len(b) {
			return false, nil
		}
		return a == b, m.chargeText(len(a))
	}
	switch b.(type) {
	case []any, map[string]any:
		return false, nil
	}
	return a == b, nil
}

func (m *meter) equalLists(a, b []any, alike bool) (bool, error) {
	if !alike {
		return false, nil
	}
	for i := range a {
		if same, err := m.equal(a[i], b[i]); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m *meter) equalObjects(a, b map[string]any, alike bool) (bool, error) {
	if !alike {
		return false, nil
	}
	for key, left := range a {
		right, ok := b[key]
		if !ok {
			return false, nil
		}
		if same, err := m.equal(left, right); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// order compares two numbers or two strings; anything else has no order.
func (m *meter) order(a, b any) (order int, ok bool, err error) {
	if text, isText := a.(string); isText {
		if err := m.chargeText(len(text)); err != nil {
			return 0, false, err
		}
	}
	order, ok = compareValues(a, b)
	return order, ok, nil
}

// compareValues is order without its price.
func compareValues(a, b any) (order int, ok bool) {
	switch a := a.(type) {
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b), true
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), true
		}
	}
	return 0, false
}

// print returns v as JSON, paying for it first.
func (m *meter) print(v any) (string, error) {
	if err := m.walk(v); err != nil {
		return "", err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// walk charges for every part of v as often as printing meets it.
func (m *meter) walk(v any) error {
	if err := m.charge(4); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		return m.charge(len(v) / 4) // printing escapes byte by byte
	case []any:
		for _, e := range v {
			if err := m.walk(e); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := m.chargeSort(len(v), 0); err != nil {
			return err
		}
		for key, e := range v {
			if err := m.charge(len(key) / 4); err != nil {
				return err
			}
			if err := m.walk(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// presentable reports whether v is small enough to be shown.
func presentable(v any) bool {
	parts, text := maxShownParts, maxShownBytes
	return shows(v, &parts, &text)
}

func shows(v any, parts, text *int) bool {
	*parts--
	switch v := v.(type) {
	case string:
		*text -= len(v)
	case []any:
		for _, e := range v {
			if !shows(e, parts, text) {
				return false
			}
		}
	case map[string]any:
		for key, e := range v {
			*text -= len(key)
			if !shows(e, parts, text) {
				return false
			}
		}
	}
	return *parts >= 0 && *text >= 0
}
