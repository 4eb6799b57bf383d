// SPDX-License-Identifier: Apache-2.0

package export

import (
	"io"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// sourceFiles is an archive with one CSV file for each source that has rows. Sources of one name share a file; other
// names that differ in nothing but case or accents have files of their own, with a number.
type sourceFiles struct {
	*table.CSV
	archive *table.Zip
	columns []string
	source  string
	begun   bool
}

var _ table.Encoder = (*sourceFiles)(nil)

func newSourceFiles(w io.Writer, at time.Time, opts ...table.CSVOption) *sourceFiles {
	return &sourceFiles{CSV: table.NewCSV(io.Discard, opts...), archive: table.NewZip(w, at)}
}

// Header implements table.Writer: every file will have it.
func (f *sourceFiles) Header(columns []string) error {
	f.columns = columns
	return nil
}

// Source implements perSource. Sources come by name.
func (f *sourceFiles) Source(name string) error {
	if f.begun && name == f.source {
		return nil
	}
	f.begun, f.source = true, name
	// What is buffered belongs to the file before, which ends when the next one begins.
	if err := f.Next(io.Discard); err != nil {
		return err
	}
	stem := store.Slugify(name)
	if stem == "" {
		stem = "source"
	}
	file, err := f.archive.Create(stem + ".csv")
	if err != nil {
		return err
	}
	if err := f.Next(file); err != nil {
		return err
	}
	return f.CSV.Header(f.columns)
}

// Close implements table.Writer.
func (f *sourceFiles) Close() error {
	if err := f.CSV.Close(); err != nil {
		return err
	}
	return f.archive.Close()
}
