// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Limits of a canonical body. A body comes from another machine, so they are checked before anything is built from it.
const (
	MaxBodyBytes = 1 << 20
	MaxDepth     = 32
)

var (
	// ErrTooLarge says that a body or JSON value has more than MaxBodyBytes.
	ErrTooLarge = errors.New("too large")

	errUTF8 = errors.New("text is not valid UTF-8")
	errNUL  = errors.New("text holds a NUL character")
	// errDepth is what both the encoder and the validator say.
	errDepth = fmt.Errorf("nested deeper than %d", MaxDepth)
)

// Validate tells whether body is exactly one canonical JSON value within the limits: keys sorted and unique, no
// space, the fewest escapes, numbers in their shortest form, valid UTF-8, no NUL. The error names the byte offset.
func Validate(body []byte) error { return validate(body, 0) }

// validate is Validate for a value that stands at a depth inside another one.
func validate(body []byte, depth int) error {
	if err := checkSize(body); err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return errUTF8
	}
	v := validator{in: body}
	if err := v.value(depth); err != nil {
		return fmt.Errorf("not canonical JSON at byte %d: %w", v.at, err)
	}
	if v.at != len(body) {
		return fmt.Errorf("not canonical JSON at byte %d: text after the value", v.at)
	}
	return nil
}

// checkSize holds a body or a JSON value against MaxBodyBytes.
func checkSize(body []byte) error {
	if len(body) > MaxBodyBytes {
		return fmt.Errorf("%w: %d bytes of JSON, the limit is %d", ErrTooLarge, len(body), MaxBodyBytes)
	}
	return nil
}

// validator walks over a body; at is the offset of the next byte.
type validator struct {
	in []byte
	at int
}

// next returns the byte at the cursor, or 0 at the end: no canonical text holds a NUL.
func (v *validator) next() byte {
	if v.at < len(v.in) {
		return v.in[v.at]
	}
	return 0
}

// eat moves over one byte that must be c.
func (v *validator) eat(c byte) error {
	if v.next() != c {
		return fmt.Errorf("want %q", c)
	}
	v.at++
	return nil
}

func (v *validator) value(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	switch c := v.next(); {
	case c == '{':
		return v.object(depth)
	case c == '[':
		return v.array(depth)
	case c == '"':
		_, err := v.str()
		return err
	case c == 't':
		return v.word("true")
	case c == 'f':
		return v.word("false")
	case c == 'n':
		return v.word("null")
	case c == '-' || (c >= '0' && c <= '9'):
		return v.number()
	default:
		return errors.New("want a value")
	}
}

func (v *validator) word(w string) error {
	for i := range len(w) {
		if err := v.eat(w[i]); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) object(depth int) error {
	v.at++ // {
	if v.next() == '}' {
		v.at++
		return nil
	}
	var last []byte
	for n := 0; ; n++ {
		start := v.at
		key, err := v.key()
		if err != nil {
			return err
		}
		if n > 0 && !lessUTF16(last, key) {
			v.at = start
			return fmt.Errorf("key %.64q is not above the one before it", key)
		}
		last = key
		if err := v.eat(':'); err != nil {
			return err
		}
		if err := v.value(depth + 1); err != nil {
			return err
		}
		if v.next() != ',' {
			return v.eat('}')
		}
		v.at++
	}
}

func (v *validator) array(depth int) error {
	v.at++ // [
	if v.next() == ']' {
		v.at++
		return nil
	}
	for {
		if err := v.value(depth + 1); err != nil {
			return err
		}
		if v.next() != ',' {
			return v.eat(']')
		}
		v.at++
	}
}

// key reads a string and returns its text, which may lie in the body itself.
func (v *validator) key() ([]byte, error) {
	start := v.at
	escaped, err := v.str()
	if err != nil {
		return nil, err
	}
	raw := v.in[start:v.at]
	if !escaped {
		return raw[1 : len(raw)-1], nil
	}
	text, err := strconv.Unquote(string(raw))
	return []byte(text), err
}

// str moves over a string and tells whether it holds an escape.
func (v *validator) str() (escaped bool, err error) {
	if err := v.eat('"'); err != nil {
		return false, err
	}
	for v.at < len(v.in) {
		switch c := v.in[v.at]; {
		case plainASCII[c] || c >= utf8.RuneSelf:
			v.at++
		case c == '"':
			v.at++
			return escaped, nil
		case c < 0x20:
			return false, errors.New("control character without an escape")
		default: // a backslash
			if err := v.escape(); err != nil {
				return false, err
			}
			escaped = true
		}
	}
	return false, errors.New("string without an end")
}

// escape moves over an escape, which must be the canonical one of a character that needs it.
func (v *validator) escape() error {
	rest := v.in[v.at:]
	if len(rest) >= 2 && rest[1] != 'u' {
		for _, c := range []byte("\"\\\b\t\n\f\r") {
			if escapeOf(c)[1] == rest[1] {
				v.at += 2
				return nil
			}
		}
		return errors.New("escape that is not needed")
	}
	if len(rest) < 6 {
		return errors.New("escape without an end")
	}
	code, err := strconv.ParseUint(string(rest[2:6]), 16, 16)
	switch {
	case err != nil:
		return errors.New("escape without four hexadecimal digits")
	case code == 0:
		return errNUL
	case code >= 0x20 || escapeOf(byte(code)) != string(rest[:6]):
		return errors.New("escape that is not needed")
	}
	v.at += 6
	return nil
}

// number moves over a number in the form of RFC 8785, section 3.2.2.3.
func (v *validator) number() error {
	start := v.at
	for v.at < len(v.in) && isNumberByte(v.in[v.at]) {
		v.at++
	}
	if isShortInteger(v.in[start:v.at]) {
		return nil
	}
	text := string(v.in[start:v.at])
	want, err := canonicalNumber(text)
	if err == nil && want != text {
		err = fmt.Errorf("number %.64s, want %s", text, want)
	}
	if err != nil {
		v.at = start
	}
	return err
}

// isShortInteger tells whether digits are a canonical integer certainly below 2^53; it is what most numbers are.
func isShortInteger(digits []byte) bool {
	if len(digits) == 0 || len(digits) > 15 || (digits[0] == '0' && len(digits) > 1) {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func isNumberByte(c byte) bool {
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// lessUTF16 orders keys by their UTF-16 code units, as RFC 8785 asks. That is the order of their UTF-8 bytes, but for
// U+E000 to U+FFFF (first byte EE or EF), which stand above everything that takes two units (first byte F0 to F4).
func lessUTF16[T []byte | string](a, b T) bool {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n == len(a) || n == len(b) {
		return len(a) < len(b)
	}
	return rankUTF16(a[n]) < rankUTF16(b[n])
}

// rankUTF16 is for the first byte in which two keys differ.
func rankUTF16(c byte) byte {
	if c == 0xEE || c == 0xEF {
		return c + 0x10
	}
	return c
}
