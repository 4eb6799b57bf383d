// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// flushBytes is the size from which buffered rows are written.
const flushBytes = 64 << 10

// CSV writes RFC 4180, the way Python's csv module does: a cell is quoted only when it has to be. Integers and floats
// are in Go's shortest form, booleans and times as its Spelling has them, Null is empty.
//
// Spreadsheets run a cell that looks like a formula. Text that begins with = + - @, a tab, a carriage return or a line
// feed therefore gets an apostrophe in front, in the header too; readers that want the exact text take it off. Numbers
// are never touched.
type CSV struct {
	w         io.Writer
	delimiter byte
	spelling  Spelling
	columns   int
	buf       []byte
	err       error // the first error of w; nothing is written after it
}

// CSVOption changes the dialect.
type CSVOption func(*CSV)

// Delimiter replaces the comma by another ASCII character.
func Delimiter(c byte) CSVOption { return func(t *CSV) { t.delimiter = c } }

// Spelled replaces the spelling of times and booleans.
func Spelled(s Spelling) CSVOption { return func(t *CSV) { t.spelling = s } }

// NewCSV returns a writer of comma-separated values with CRLF line ends.
func NewCSV(w io.Writer, opts ...CSVOption) *CSV {
	t := &CSV{w: w, delimiter: ',', buf: make([]byte, 0, flushBytes+4096)}
	for _, opt := range opts {
		opt(t)
	}
	return t
}

// Header implements Writer.
func (t *CSV) Header(columns []string) error {
	if t.columns != 0 || len(columns) == 0 {
		return errors.New("csv: a table has one header, with at least one column")
	}
	t.columns = len(columns)
	for i, c := range columns {
		t.separate(i)
		t.text(c)
	}
	return t.endRow()
}

// Row implements Writer.
func (t *CSV) Row(cells []Cell) error {
	if len(cells) != t.columns {
		return fmt.Errorf("csv: a row of %d cells in a table of %d columns", len(cells), t.columns)
	}
	for i := range cells {
		t.separate(i)
		t.cell(&cells[i])
	}
	return t.endRow()
}

// Encode implements Encoder.
func (t *CSV) Encode(cells []Cell) Encoded {
	buf := t.buf
	t.buf = nil
	for i := range cells {
		t.separate(i)
		t.cell(&cells[i])
	}
	encoded := Encoded{cells: len(cells), raw: t.buf}
	t.buf = buf
	return encoded
}

// Join implements Encoder.
func (t *CSV) Join(first, rest Encoded) error {
	if first.cells+rest.cells != t.columns {
		return fmt.Errorf("csv: a row of %d and %d cells in a table of %d columns", first.cells, rest.cells, t.columns)
	}
	t.buf = append(t.buf, first.raw...)
	if first.cells > 0 && rest.cells > 0 {
		t.buf = append(t.buf, t.delimiter)
	}
	t.buf = append(t.buf, rest.raw...)
	return t.endRow()
}

// Next goes on in another file, after what is still buffered was written to the one before. Its first call is Header, as
// of a new writer; what was encoded stays good when it has as many columns.
func (t *CSV) Next(w io.Writer) error {
	t.flush()
	t.w, t.columns = w, 0
	return t.err
}

// Close implements Writer.
func (t *CSV) Close() error {
	t.flush()
	return t.err
}

func (t *CSV) separate(column int) {
	if column > 0 {
		t.buf = append(t.buf, t.delimiter)
	}
}

func (t *CSV) cell(c *Cell) {
	switch c.kind {
	case text:
		t.text(c.text)
	case integer:
		t.buf = strconv.AppendInt(t.buf, c.int(), 10)
	case float:
		t.buf = strconv.AppendFloat(t.buf, c.float(), 'g', -1, 64)
	case boolean:
		t.buf = t.spelling.appendBool(t.buf, c.bool())
	case moment:
		t.buf = t.spelling.appendTime(t.buf, c.time())
	case null:
	}
	if t.columns == 1 && (c.kind == null || c.kind == text && c.text == "") {
		t.buf = append(t.buf, '"', '"') // or the row would be an empty line, which readers skip
	}
}

func (t *CSV) text(s string) {
	if s == "" {
		return
	}
	guard, quote := isFormula(s[0]), t.needsQuotes(s)
	if quote {
		t.buf = append(t.buf, '"')
	}
	if guard {
		t.buf = append(t.buf, '\'')
	}
	if !quote {
		t.buf = append(t.buf, s...)
		return
	}
	for i := range len(s) {
		if s[i] == '"' {
			t.buf = append(t.buf, '"')
		}
		t.buf = append(t.buf, s[i])
	}
	t.buf = append(t.buf, '"')
}

func isFormula(first byte) bool {
	switch first {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return true
	}
	return false
}

func (t *CSV) needsQuotes(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == t.delimiter || c == '"' || c == '\r' || c == '\n' {
			return true
		}
	}
	return false
}

func (t *CSV) endRow() error {
	t.buf = append(t.buf, '\r', '\n')
	if len(t.buf) >= flushBytes {
		t.flush()
	}
	return t.err
}

func (t *CSV) flush() {
	if t.err == nil && len(t.buf) > 0 {
		_, t.err = t.w.Write(t.buf)
	}
	t.buf = t.buf[:0]
}
