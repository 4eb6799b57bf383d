// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CanonicalJSON returns the canonical form of any JSON value: what free JSON fields (`extra_facts`, `entitlements` …)
// hold. Nulls and empty containers are kept, and half a surrogate pair (`\ud800`) becomes U+FFFD, as encoding/json
// reads it. Duplicate keys, NUL, invalid UTF-8, integers beyond 2^53, numbers out of a float64's range and values
// beyond the limits are errors.
func CanonicalJSON(raw []byte) ([]byte, error) {
	if err := checkSize(raw); err != nil {
		return nil, err
	}
	if !utf8.Valid(raw) {
		return nil, errUTF8
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	out, err := canonicalValue(nil, d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON value")
	}
	return out, checkSize(out) // 1e-6 comes out longer than it went in
}

// canonicalValue appends the next value of the decoder.
func canonicalValue(out []byte, d *json.Decoder, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errDepth
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return canonicalObject(out, d, depth)
		}
		return canonicalArray(out, d, depth)
	case string:
		return appendString(out, t)
	case json.Number:
		text, err := canonicalNumber(t.String())
		return append(out, text...), err
	case bool:
		return strconv.AppendBool(out, t), nil
	default:
		return append(out, "null"...), nil
	}
}

func canonicalArray(out []byte, d *json.Decoder, depth int) ([]byte, error) {
	out = append(out, '[')
	for n := 0; d.More(); n++ {
		if n > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = canonicalValue(out, d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token() // ]
	return append(out, ']'), err
}

func canonicalObject(out []byte, d *json.Decoder, depth int) ([]byte, error) {
	values := map[string][]byte{}
	var keys []string
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // encoding/json lets only strings be keys
		if _, ok := values[key]; ok {
			return nil, fmt.Errorf("key %.64q stands twice", key)
		}
		value, err := canonicalValue(nil, d, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%.64s: %w", key, err)
		}
		values[key] = value
		keys = append(keys, key)
	}
	if _, err := d.Token(); err != nil { // }
		return nil, err
	}
	sort.Slice(keys, func(i, j int) bool { return lessUTF16(keys[i], keys[j]) })
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendString(out, key); err != nil {
			return nil, err
		}
		out = append(out, ':')
		out = append(out, values[key]...)
	}
	return append(out, '}'), nil
}

// canonicalNumber returns a JSON number in the form of ECMAScript's Number::toString (RFC 8785, section 3.2.2.3). An
// integer that a float64 cannot be trusted to keep is an error, a fraction is rounded to the nearest float64.
func canonicalNumber(text string) (string, error) {
	if !json.Valid([]byte(text)) {
		return "", fmt.Errorf("%.64q is not a number", text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", fmt.Errorf("number %.64s is out of range", text)
	}
	if f == 0 {
		return "0", nil // also -0
	}
	abs := math.Abs(f)
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n > maxInteger || n < -maxInteger {
			return "", fmt.Errorf("integer %.64s is beyond 2^53", text)
		}
	} else if abs > maxInteger && abs < 1e21 {
		return "", fmt.Errorf("number %.64s is an integer beyond 2^53", text) // it would be written without exponent
	}
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0"), nil
}
