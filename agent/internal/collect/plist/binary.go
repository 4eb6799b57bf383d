// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf16"
)

// headerSize is the length of bplist00, trailerSize that of what ends a list.
const (
	headerSize  = 8
	trailerSize = 32
)

// epoch is where the dates of macOS begin.
var epoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// binaryList is a binary property list: objects, a table of their offsets, and a trailer that tells where the table is.
//
// Source: CFBinaryPList.c of Apple's open-source CoreFoundation.
type binaryList struct {
	budget
	objects    []byte // header and objects
	table      []byte
	offsetSize int
	refSize    int
}

// decodeBinary reads a binary list from its top object down.
func decodeBinary(raw []byte) (any, error) {
	if len(raw) < headerSize+trailerSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(raw))
	}
	body, trailer := raw[:len(raw)-trailerSize], raw[len(raw)-trailerSize:]
	l := &binaryList{offsetSize: int(trailer[6]), refSize: int(trailer[7])}
	count, top, table := binary.BigEndian.Uint64(trailer[8:]), binary.BigEndian.Uint64(trailer[16:]), binary.BigEndian.Uint64(trailer[24:])
	if l.offsetSize < 1 || l.offsetSize > 8 || l.refSize < 1 || l.refSize > 8 {
		return nil, fmt.Errorf("%w: numbers of %d and %d bytes", ErrFormat, l.offsetSize, l.refSize)
	}
	if table < headerSize || table > uint64(len(body)) || count > (uint64(len(body))-table)/uint64(l.offsetSize) {
		return nil, fmt.Errorf("%w: %d objects do not fit", ErrFormat, count)
	}
	l.objects, l.table = body[:table], body[table:][:count*uint64(l.offsetSize)]
	return l.object(top, 0)
}

// object reads the object of a number.
func (l *binaryList) object(number uint64, depth int) (any, error) {
	if err := l.spend(depth); err != nil {
		return nil, err
	}
	if number >= uint64(len(l.table)/l.offsetSize) {
		return nil, fmt.Errorf("%w: no object %d", ErrFormat, number)
	}
	at := unsigned(l.table[number*uint64(l.offsetSize):][:l.offsetSize])
	if at < headerSize || at >= uint64(len(l.objects)) {
		return nil, fmt.Errorf("%w: object %d is outside", ErrFormat, number)
	}
	kind, low, rest := l.objects[at]>>4, l.objects[at]&15, l.objects[at+1:]
	switch kind {
	case 0x0:
		return low == 9, nil // 8 is false, 0 null
	case 0x1, 0x2, 0x3, 0x8:
		return scalar(kind, low, rest)
	}
	size, rest, err := count(low, rest)
	if err != nil {
		return nil, err
	}
	switch kind {
	case 0x4:
		return take(rest, size, 1)
	case 0x5:
		return l.string(rest, size, 1)
	case 0x6:
		return l.string(rest, size, 2)
	case 0xa, 0xc:
		return l.array(rest, size, depth)
	case 0xd:
		return l.dict(rest, size, depth)
	}
	return nil, fmt.Errorf("%w: object of type %x", ErrFormat, kind)
}

// string reads ASCII, or UTF-16 of two bytes each.
func (l *binaryList) string(rest []byte, size uint64, width int) (any, error) {
	text, err := take(rest, size, width)
	if err != nil {
		return nil, err
	}
	if err := l.spendText(len(text)); err != nil {
		return nil, err
	}
	if width == 1 {
		return string(text), nil
	}
	return fromUTF16(text), nil
}

// scalar reads an integer, a real number, a date or a UID.
func scalar(kind, low byte, rest []byte) (any, error) {
	size := 1 << low
	if kind == 0x8 {
		size = int(low) + 1
	}
	if low > 4 && kind != 0x8 || size > len(rest) {
		return nil, fmt.Errorf("%w: number of %d bytes", ErrFormat, size)
	}
	raw := rest[:size]
	switch {
	case kind == 0x2 && size == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), nil
	case kind == 0x2 && size == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(raw)), nil
	case kind == 0x3 && size == 8:
		return date(math.Float64frombits(binary.BigEndian.Uint64(raw))), nil
	case kind == 0x2 || kind == 0x3:
		return nil, fmt.Errorf("%w: number of %d bytes", ErrFormat, size)
	}
	if size > 8 {
		raw = raw[size-8:] // 128 bits hold what 64 signed bits cannot, and no list needs more
	}
	return int64(unsigned(raw)), nil
}

// date is seconds after the epoch; the zero Time for what no calendar has.
func date(seconds float64) time.Time {
	if !(math.Abs(seconds) < 1e11) {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(epoch.Unix()+int64(whole), int64(part*1e9)).UTC()
}

// array reads the objects that references name.
func (l *binaryList) array(rest []byte, size uint64, depth int) (any, error) {
	refs, err := take(rest, size, l.refSize)
	if err != nil {
		return nil, err
	}
	values := make([]any, 0, min(size, 1024)) // no more than the budget can fill
	for len(refs) > 0 {
		v, err := l.object(unsigned(refs[:l.refSize]), depth+1)
		if err != nil {
			return nil, err
		}
		values, refs = append(values, v), refs[l.refSize:]
	}
	return values, nil
}

// dict reads keys and then values.
func (l *binaryList) dict(rest []byte, size uint64, depth int) (any, error) {
	keys, err := take(rest, size, l.refSize)
	if err != nil {
		return nil, err
	}
	refs, err := take(rest[len(keys):], size, l.refSize)
	if err != nil {
		return nil, err
	}
	values := make(Dict, min(size, 1024))
	for len(keys) > 0 {
		k, err := l.object(unsigned(keys[:l.refSize]), depth+1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a key is no string", ErrFormat)
		}
		if values[key], err = l.object(unsigned(refs[:l.refSize]), depth+1); err != nil {
			return nil, err
		}
		keys, refs = keys[l.refSize:], refs[l.refSize:]
	}
	return values, nil
}

// count reads how long an object is: four bits, or 15 and an integer after them.
func count(low byte, rest []byte) (uint64, []byte, error) {
	if low < 15 {
		return uint64(low), rest, nil
	}
	if len(rest) == 0 || rest[0]>>4 != 1 || rest[0]&15 > 3 || len(rest) < 1+1<<(rest[0]&15) {
		return 0, nil, fmt.Errorf("%w: length of an object", ErrFormat)
	}
	size := 1 << (rest[0] & 15)
	return unsigned(rest[1 : 1+size]), rest[1+size:], nil
}

// take returns the first n elements of a size.
func take(rest []byte, n uint64, size int) ([]byte, error) {
	if n > uint64(len(rest)/size) {
		return nil, fmt.Errorf("%w: %d elements do not fit", ErrFormat, n)
	}
	return rest[:n*uint64(size)], nil
}

// unsigned reads up to eight bytes.
func unsigned(raw []byte) uint64 {
	var n uint64
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n
}

// fromUTF16 decodes big-endian text.
func fromUTF16(raw []byte) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}
