// SPDX-License-Identifier: Apache-2.0

package table

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// Workbook is an Office Open XML workbook (xlsx) of one or more sheets, written one after the other. It holds one sheet's
// last megabytes; the rest of that sheet waits in a temporary file until the sheet ends, and then is in the writer below.
// It is not safe for concurrent use.
type Workbook struct {
	zip      *zip.Writer
	folder   string
	spelling Spelling
	book     *excelize.File // knows the sheets by title, and has none of their rows
	titles   map[string]bool
	open     *Sheet
	maxRows  int // of a sheet, the header among them
	err      error
}

// NewWorkbook returns a workbook that goes to w. Temporary files stand in folder, "" being the system's; Close and Discard
// remove them.
func NewWorkbook(w io.Writer, folder string, spelling Spelling) *Workbook {
	return &Workbook{
		zip: newDeflater(w), folder: folder, spelling: spelling, book: excelize.NewFile(), titles: map[string]bool{},
		maxRows: excelize.TotalRows,
	}
}

// Sheet begins a sheet; the one before has to be closed. Characters that titles cannot have become spaces, titles are cut
// at 31 characters, and one that the workbook has gets a number: "Tags", "Tags (2)".
func (b *Workbook) Sheet(title string) (*Sheet, error) {
	if b.open != nil {
		return nil, errors.New("xlsx: the sheet before is open")
	}
	s := &Sheet{workbook: b, title: title}
	if err := s.begin(); err != nil {
		return nil, err
	}
	b.open = s
	return s, nil
}

// Close writes the end of the workbook and removes what is temporary. It does not close the writer below.
func (b *Workbook) Close() error {
	defer b.Discard()
	if b.open != nil {
		return errors.New("xlsx: a sheet is open")
	}
	if b.err != nil {
		return b.err
	}
	// Of the book that knows the titles everything is wanted but its sheets, which are there.
	if err := writeParts(b.book, func(part string) (io.Writer, error) {
		if strings.HasPrefix(part, sheetParts) && len(b.titles) > 0 {
			return io.Discard, nil
		}
		return b.zip.Create(part)
	}); err != nil {
		return err
	}
	if err := b.zip.Close(); err != nil {
		return fmt.Errorf("xlsx: %w", err)
	}
	return nil
}

// Discard removes what is temporary. What was written so far is no workbook, unless Close came first.
func (b *Workbook) Discard() {
	if b.open != nil {
		b.open.drop()
		b.open = nil
	}
	_ = b.book.Close() // it has no temporary files of its own
}

// sheetParts is where the sheets stand in the archive that a workbook is.
const sheetParts = "xl/worksheets/"

// add makes the next sheet known and returns its part of the archive.
func (b *Workbook) add(title string) (part string, err error) {
	number := len(b.titles) + 1
	title = b.unused(title)
	if number == 1 {
		err = b.book.SetSheetName("Sheet1", title)
	} else {
		_, err = b.book.NewSheet(title)
	}
	if err != nil {
		return "", fmt.Errorf("xlsx: sheet %q: %w", title, err)
	}
	b.titles[strings.ToLower(title)] = true
	return fmt.Sprintf("%ssheet%d.xml", sheetParts, number), nil
}

func (b *Workbook) unused(title string) string {
	wanted := sheetTitle(title, excelize.MaxSheetNameLength)
	title = wanted
	for n := 2; b.titles[strings.ToLower(title)]; n++ {
		suffix := fmt.Sprintf(" (%d)", n)
		title = sheetTitle(wanted, excelize.MaxSheetNameLength-len(suffix)) + suffix
	}
	return title
}

// sheetTitle returns the title without what spreadsheets refuse, cut at so many UTF-16 units.
func sheetTitle(title string, most int) string {
	title = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`[]:*?/\`, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(title, " "))
	title = strings.Trim(cutUnits(title, most), " '")
	if title == "" {
		return "Sheet"
	}
	return title
}

// cutUnits cuts a text at so many UTF-16 units, which is how spreadsheets count characters.
func cutUnits(s string, most int) string {
	if len(s) <= most {
		return s
	}
	units := 0
	for i, r := range s {
		if units += utf16.RuneLen(r); units > most {
			return s[:i]
		}
	}
	return s
}

// writeParts writes the parts of a book to where target says. The book would put them into one buffer otherwise.
func writeParts(book *excelize.File, target func(part string) (io.Writer, error)) error {
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return partWriter{target: target} })
	if err := book.Write(io.Discard); err != nil {
		return fmt.Errorf("xlsx: %w", err)
	}
	return nil
}

// partWriter stands in for the archive that a book writes itself to.
type partWriter struct {
	excelize.ZipWriter // nil: nobody adds a file system
	target             func(part string) (io.Writer, error)
}

func (p partWriter) Create(part string) (io.Writer, error) { return p.target(part) }
func (partWriter) Close() error                            { return nil }
