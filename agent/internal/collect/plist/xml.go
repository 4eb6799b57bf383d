// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// xmlList is a property list in XML.
//
// Source: plist(5).
type xmlList struct {
	budget
	in *xml.Decoder
}

// decodeXML reads the one value inside the plist element.
func decodeXML(raw []byte) (any, error) {
	l := &xmlList{in: xml.NewDecoder(bytes.NewReader(raw))}
	root, err := l.next()
	if err != nil {
		return nil, err
	}
	if root == nil || root.Name.Local != "plist" {
		return nil, fmt.Errorf("%w: no plist element", ErrFormat)
	}
	first, err := l.next()
	if err != nil {
		return nil, err
	}
	if first == nil {
		return nil, fmt.Errorf("%w: empty", ErrFormat)
	}
	return l.value(first, 0)
}

// next returns the next element that begins, nil when the one around it ends.
func (l *xmlList) next() (*xml.StartElement, error) {
	for {
		token, err := l.in.Token()
		if err != nil {
			return nil, l.fail(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, fmt.Errorf("%w: text between elements", ErrFormat)
			}
		}
	}
}

// fail makes ErrFormat of an error.
func (l *xmlList) fail(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: ends early", ErrFormat)
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// value reads what an element that began holds, to its end.
func (l *xmlList) value(e *xml.StartElement, depth int) (any, error) {
	if err := l.spend(depth); err != nil {
		return nil, err
	}
	switch e.Name.Local {
	case "dict":
		return l.dict(depth)
	case "array":
		return l.array(depth)
	}
	text, err := l.text()
	if err != nil {
		return nil, err
	}
	switch e.Name.Local {
	case "string":
		return text, nil
	case "true", "false":
		return e.Name.Local == "true", nil
	case "integer":
		return integer(strings.TrimSpace(text))
	case "real":
		return floating(strings.TrimSpace(text))
	case "date":
		t, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
		if err != nil {
			return nil, l.fail(err)
		}
		return t.UTC(), nil
	case "data":
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, l.fail(err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("%w: element %q", ErrFormat, e.Name.Local)
}

// text reads to the end of an element that holds nothing but text.
func (l *xmlList) text() (string, error) {
	var text strings.Builder
	for {
		token, err := l.in.Token()
		if err != nil {
			return "", l.fail(err)
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String(), nil
		case xml.StartElement:
			return "", fmt.Errorf("%w: element %q inside text", ErrFormat, t.Name.Local)
		}
	}
}

// array reads values to the end of the element.
func (l *xmlList) array(depth int) (any, error) {
	values := []any{}
	for {
		e, err := l.next()
		if err != nil || e == nil {
			return values, err
		}
		v, err := l.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
}

// dict reads keys and values in turn.
func (l *xmlList) dict(depth int) (any, error) {
	values := Dict{}
	for {
		e, err := l.next()
		if err != nil || e == nil {
			return values, err
		}
		if e.Name.Local != "key" {
			return nil, fmt.Errorf("%w: element %q in place of a key", ErrFormat, e.Name.Local)
		}
		key, err := l.text()
		if err != nil {
			return nil, err
		}
		if e, err = l.next(); err != nil {
			return nil, err
		}
		if e == nil {
			return nil, fmt.Errorf("%w: key %q without a value", ErrFormat, key)
		}
		if values[key], err = l.value(e, depth+1); err != nil {
			return nil, err
		}
	}
}

// integer reads a decimal or hexadecimal number; what only 64 unsigned bits hold is kept in its two's complement, as in
// the binary form.
func integer(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: integer %.40q", ErrFormat, s)
	}
	return int64(n), nil
}

// floating reads a floating-point number.
func floating(s string) (any, error) {
	switch strings.ToLower(s) {
	case "nan":
		return math.NaN(), nil
	case "inf", "+infinity", "infinity":
		return math.Inf(1), nil
	case "-inf", "-infinity":
		return math.Inf(-1), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: real %.40q", ErrFormat, s)
	}
	return f, nil
}
