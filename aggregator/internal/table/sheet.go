// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Sheet is one table of a workbook. Its header stays in sight. Numbers are numbers, unless they have more than the 15
// digits that spreadsheets keep, booleans are booleans, and everything else is text: times as the workbook spells them,
// and no text is ever a formula, whatever it begins with. Text beyond the 32,767 characters that a cell holds is cut and
// ends with an ellipsis; characters that XML cannot hold become U+FFFD. Rows beyond those that a sheet holds go to a next
// one with the same header, "Title (2)".
type Sheet struct {
	workbook *Workbook
	title    string
	part     string // of the archive
	columns  []string
	book     *excelize.File // holds the rows of this sheet only
	stream   *excelize.StreamWriter
	row      int // the last one that is written
	values   []any
	text     []byte
}

var _ Writer = (*Sheet)(nil)

// scratchTitle is what an empty book calls its one sheet.
const scratchTitle = "Sheet1"

// begin opens a sheet for rows.
func (s *Sheet) begin() error {
	part, err := s.workbook.add(s.title)
	if err != nil {
		return err
	}
	book := excelize.NewFile(excelize.Options{TmpDir: s.workbook.folder})
	stream, err := book.NewStreamWriter(scratchTitle)
	if err == nil {
		err = stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	}
	if err != nil {
		_ = book.Close() // nothing is in it
		return fmt.Errorf("xlsx: %w", err)
	}
	s.part, s.book, s.stream, s.row = part, book, stream, 0
	return nil
}

// Header implements Writer.
func (s *Sheet) Header(columns []string) error {
	if s.columns != nil || len(columns) == 0 || len(columns) > excelize.MaxColumns {
		return fmt.Errorf("xlsx: a sheet has one header, with 1 to %d columns", excelize.MaxColumns)
	}
	s.columns = append(s.columns, columns...)
	s.values = make([]any, len(columns))
	return s.writeHeader()
}

func (s *Sheet) writeHeader() error {
	for i, c := range s.columns {
		s.values[i] = cellText(c)
	}
	return s.write()
}

// Row implements Writer.
func (s *Sheet) Row(cells []Cell) error {
	if s.columns == nil || len(cells) != len(s.columns) {
		return fmt.Errorf("xlsx: a row of %d cells in a table of %d columns", len(cells), len(s.columns))
	}
	if s.row == s.workbook.maxRows {
		if err := s.next(); err != nil {
			return err
		}
	}
	for i := range cells {
		s.values[i] = s.value(&cells[i])
	}
	return s.write()
}

// next ends this sheet and goes on in another one.
func (s *Sheet) next() error {
	if err := s.end(); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	return s.writeHeader()
}

func (s *Sheet) write() error {
	if s.stream == nil {
		return errors.New("xlsx: the sheet is closed")
	}
	s.row++
	if err := s.stream.SetRow("A"+strconv.Itoa(s.row), s.values); err != nil {
		return fmt.Errorf("xlsx: row %d: %w", s.row, err)
	}
	return nil
}

// Close implements Writer: it ends the sheet, not the workbook.
func (s *Sheet) Close() error {
	err := s.end()
	if s.workbook.open == s {
		s.workbook.open = nil
	}
	if err != nil && s.workbook.err == nil {
		s.workbook.err = err
	}
	return err
}

// end moves the sheet into the workbook's archive.
func (s *Sheet) end() error {
	if s.book == nil {
		return errors.New("xlsx: the sheet is closed")
	}
	defer s.drop()
	if err := s.stream.Flush(); err != nil {
		return fmt.Errorf("xlsx: %w", err)
	}
	return writeParts(s.book, func(part string) (io.Writer, error) {
		if part != sheetParts+"sheet1.xml" {
			return io.Discard, nil
		}
		return s.workbook.zip.Create(s.part)
	})
}

// drop forgets the rows and removes their file.
func (s *Sheet) drop() {
	if s.book != nil {
		_ = s.book.Close() // it only removes; what is left in a temporary folder is nobody's loss
	}
	s.book, s.stream = nil, nil
}

// largestInteger has the 15 digits that spreadsheets keep of a number.
const largestInteger = 999_999_999_999_999

// value returns what the stream takes for a cell; nil for an empty one.
func (s *Sheet) value(c *Cell) any {
	switch c.kind {
	case text:
		if c.text == "" {
			return nil
		}
		return cellText(c.text)
	case integer:
		if n := c.int(); n > largestInteger || n < -largestInteger {
			return strconv.FormatInt(n, 10)
		}
		return c.int()
	case float:
		if f := c.float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
		return c.float()
	case boolean:
		return c.bool()
	case moment:
		s.text = s.workbook.spelling.appendTime(s.text[:0], c.time())
		return string(s.text)
	}
	return nil
}

// cellText cuts what a cell cannot hold.
func cellText(t string) string {
	const mark = "…"
	if len(t) <= excelize.TotalCellChars {
		return t
	}
	if cut := cutUnits(t, excelize.TotalCellChars); len(cut) == len(t) {
		return t
	}
	return cutUnits(t, excelize.TotalCellChars-utf8.RuneCountInString(mark)) + mark
}
