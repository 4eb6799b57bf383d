// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// JSONL writes one JSON object for each row, with the columns as keys in their order. A cell that is Null is null, times
// are RFC 3339 in UTC, and a number that JSON has no form for is text.
type JSONL struct {
	w    io.Writer
	keys []string // each with what goes before its value
	buf  []byte
	err  error // the first error of w; nothing is written after it
}

var _ Writer = (*JSONL)(nil)

// NewJSONL returns a writer of lines of JSON.
func NewJSONL(w io.Writer) *JSONL {
	return &JSONL{w: w, buf: make([]byte, 0, flushBytes+4096)}
}

// Header implements Writer. It writes nothing.
func (t *JSONL) Header(columns []string) error {
	if t.keys != nil || len(columns) == 0 {
		return errors.New("jsonl: a table has one header, with at least one column")
	}
	before := "{"
	for _, c := range columns {
		key, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("jsonl: column %q: %w", c, err)
		}
		t.keys = append(t.keys, before+string(key)+":")
		before = ","
	}
	return nil
}

// Row implements Writer.
func (t *JSONL) Row(cells []Cell) error {
	if t.keys == nil || len(cells) != len(t.keys) {
		return fmt.Errorf("jsonl: a row of %d cells in a table of %d columns", len(cells), len(t.keys))
	}
	for i := range cells {
		t.buf = append(t.buf, t.keys[i]...)
		if err := t.cell(&cells[i]); err != nil {
			return fmt.Errorf("jsonl: %w", err)
		}
	}
	t.buf = append(t.buf, '}', '\n')
	if len(t.buf) >= flushBytes {
		t.flush()
	}
	return t.err
}

func (t *JSONL) cell(c *Cell) error {
	switch c.kind {
	case null:
		t.buf = append(t.buf, "null"...)
	case integer:
		t.buf = strconv.AppendInt(t.buf, c.int(), 10)
	case boolean:
		t.buf = strconv.AppendBool(t.buf, c.bool())
	case float:
		if f := c.float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			t.buf = strconv.AppendFloat(t.buf, f, 'g', -1, 64)
			return nil
		}
		return t.text(c.String())
	case text, moment:
		return t.text(c.String())
	}
	return nil
}

func (t *JSONL) text(s string) error {
	quoted, err := json.Marshal(s)
	t.buf = append(t.buf, quoted...)
	return err
}

// Line writes a line that is no row: what is encoded in v. It may come behind Close too, which is then called again.
func (t *JSONL) Line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("jsonl: %w", err)
	}
	t.buf = append(append(t.buf, raw...), '\n')
	return t.err
}

// Close implements Writer.
func (t *JSONL) Close() error {
	t.flush()
	return t.err
}

func (t *JSONL) flush() {
	if t.err == nil && len(t.buf) > 0 {
		_, t.err = t.w.Write(t.buf)
	}
	t.buf = t.buf[:0]
}
