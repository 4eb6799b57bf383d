// SPDX-License-Identifier: Apache-2.0

package macho

import "time"

// maxNesting bounds how deep elements of indefinite length may be inside each other.
const maxNesting = 32

// element is one element of BER: a tag of one byte and what it holds.
type element struct {
	tag     byte
	content []byte
	// whole is the element with its tag and length.
	whole []byte
}

// parseElement reads the element at the begin of raw, of definite or indefinite length. Bytes after it are ignored.
//
// Source: ITU-T X.690.
func parseElement(raw []byte) (element, bool) { return parseNested(raw, 0) }

// parseNested is parseElement at a depth.
func parseNested(raw []byte, depth int) (element, bool) {
	if len(raw) < 2 || raw[0]&0x1f == 0x1f || depth > maxNesting {
		return element{}, false
	}
	length, head := int(raw[1]), 2
	switch {
	case length == 0x80:
		return indefinite(raw, depth)
	case length > 0x84:
		return element{}, false
	case length > 0x80:
		head += length - 0x80
		if len(raw) < head {
			return element{}, false
		}
		length = 0
		for _, b := range raw[2:head] {
			length = length<<8 | int(b)
		}
	}
	if length < 0 || length > len(raw)-head {
		return element{}, false
	}
	return element{tag: raw[0], content: raw[head : head+length], whole: raw[:head+length]}, true
}

// indefinite reads an element that two NUL bytes end.
func indefinite(raw []byte, depth int) (element, bool) {
	if raw[0]&0x20 == 0 {
		return element{}, false // only what is made of elements can end so
	}
	rest := raw[2:]
	for len(rest) >= 2 {
		if rest[0] == 0 && rest[1] == 0 {
			end := len(raw) - len(rest)
			return element{tag: raw[0], content: raw[2:end], whole: raw[:end+2]}, true
		}
		inner, ok := parseNested(rest, depth+1)
		if !ok {
			return element{}, false
		}
		rest = rest[len(inner.whole):]
	}
	return element{}, false
}

// children returns the elements that e is made of, as far as they can be read; nil for one that is not made of others.
func (e element) children() []element {
	if e.tag&0x20 == 0 {
		return nil
	}
	var found []element
	rest := e.content
	for len(rest) > 0 {
		c, ok := parseElement(rest)
		if !ok {
			return found
		}
		found, rest = append(found, c), rest[len(c.whole):]
	}
	return found
}

// octets returns the content of an octet string, whose parts are joined where it is made of parts.
func (e element) octets() []byte {
	if e.tag == tagOctets {
		return e.content
	}
	var joined []byte
	for _, c := range e.children() {
		if c.tag == tagOctets {
			joined = append(joined, c.content...)
		}
	}
	return joined
}

// time reads UTCTime or GeneralizedTime in UTC; the zero Time for what is none.
func (e element) time() time.Time {
	layout := ""
	switch e.tag {
	case tagUTCTime:
		layout = "060102150405Z"
	case tagGeneralizedTime:
		layout = "20060102150405Z"
	}
	t, err := time.Parse(layout, string(e.content))
	if layout == "" || err != nil {
		return time.Time{}
	}
	return t
}
