// SPDX-License-Identifier: Apache-2.0

// Package table writes rows in the formats that exports offer, behind one small interface. It streams: memory does not
// grow with the number of rows. It refuses to know what a column means, and to query anything.
package table

import (
	"math"
	"strconv"
	"time"
)

// Writer takes a header and then rows. It is not safe for concurrent use.
type Writer interface {
	// Header is called once, before the first row.
	Header(columns []string) error
	// Row writes as many cells as the header has columns. It keeps nothing of the slice, which may be used again.
	Row(cells []Cell) error
	// Close writes what is still buffered, and the format's end. It does not close the writer below.
	Close() error
}

// Encoder is a Writer that can encode neighbouring cells once for many rows: a fact that a thousand machines share is
// most of a thousand rows. What it writes is the same to the byte.
type Encoder interface {
	Writer
	// Encode encodes cells of neighbouring columns, behind the header. The result belongs to the caller and is good for
	// this writer only.
	Encode(cells []Cell) Encoded
	// Join writes a row of two parts, which together have as many cells as the header has columns.
	Join(first, rest Encoded) error
}

// Encoded is a part of a row as Encoder writes it.
type Encoded struct {
	cells int
	raw   []byte
}

// Cell is one typed value. It is made without an allocation; the zero Cell is Null.
type Cell struct {
	kind cellKind
	bits uint64
	text string
}

type cellKind uint8

const (
	null cellKind = iota
	text
	integer
	float
	boolean
	moment
)

// Null is the absence of a value.
func Null() Cell { return Cell{} }

// Text is a string, kept until the row is written.
func Text(s string) Cell { return Cell{kind: text, text: s} }

// Int is an integer.
func Int(n int64) Cell { return Cell{kind: integer, bits: uint64(n)} }

// Float is a floating point number.
func Float(f float64) Cell { return Cell{kind: float, bits: math.Float64bits(f)} }

// Bool is a truth value.
func Bool(b bool) Cell {
	if b {
		return Cell{kind: boolean, bits: 1}
	}
	return Cell{kind: boolean}
}

// Time is a moment with a resolution of microseconds, PostgreSQL's. The zero time is Null.
func Time(t time.Time) Cell {
	if t.IsZero() {
		return Cell{}
	}
	return Cell{kind: moment, bits: uint64(t.UnixMicro())}
}

// String is what a CSV table writes for the cell, without quotes and without an apostrophe.
func (c Cell) String() string {
	switch c.kind {
	case text:
		return c.text
	case integer:
		return strconv.FormatInt(c.int(), 10)
	case float:
		return strconv.FormatFloat(c.float(), 'g', -1, 64)
	case boolean:
		return strconv.FormatBool(c.bool())
	case moment:
		return c.time().Format(time.RFC3339Nano)
	}
	return ""
}

func (c Cell) int() int64      { return int64(c.bits) }
func (c Cell) float() float64  { return math.Float64frombits(c.bits) }
func (c Cell) bool() bool      { return c.bits != 0 }
func (c Cell) time() time.Time { return time.UnixMicro(int64(c.bits)).UTC() }
