// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// spreadsheet is a workbook of one table; closing the table closes it.
type spreadsheet struct {
	*table.Sheet
	book *table.Workbook
}

func newSpreadsheet(out Output, title string, spelling table.Spelling) (*spreadsheet, error) {
	book := table.NewWorkbook(out, out.Folder, spelling)
	sheet, err := book.Sheet(title)
	if err != nil {
		book.Discard()
		return nil, err
	}
	return &spreadsheet{Sheet: sheet, book: book}, nil
}

// Close implements table.Writer.
func (s *spreadsheet) Close() error {
	if err := s.Sheet.Close(); err != nil {
		return err
	}
	return s.book.Close()
}

// title returns what a sheet is called that shows a kind: "rpm_packages" is "Rpm packages".
func title(kind string) string {
	words := strings.ReplaceAll(kind, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// decodeOptions reads what a client of /api/v1/exports asks for. A key that the dataset does not know is an error.
func decodeOptions(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("options: there is text behind the object")
	}
	return nil
}
