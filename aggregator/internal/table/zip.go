// SPDX-License-Identifier: Apache-2.0

package table

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

// Zip writes an archive of deflated files, one after the other. It streams: it holds what the compression needs, however
// large a file becomes. It is not safe for concurrent use.
type Zip struct {
	w     *zip.Writer
	at    time.Time
	names map[string]bool
}

// NewZip returns a writer of an archive whose files are dated at.
func NewZip(w io.Writer, at time.Time) *Zip {
	return &Zip{w: newDeflater(w), at: at.UTC(), names: map[string]bool{}}
}

func newDeflater(w io.Writer) *zip.Writer {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.DefaultCompression)
	})
	return z
}

// Create begins a file and ends the one before. A name that the archive has gets a number: packages.csv, packages-2.csv.
func (z *Zip) Create(name string) (io.Writer, error) {
	name = z.unused(name)
	z.names[strings.ToLower(name)] = true
	file, err := z.w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.at})
	if err != nil {
		return nil, fmt.Errorf("file %s of the archive: %w", name, err)
	}
	return file, nil
}

// unused also keeps names apart that differ in case only: some systems unpack them over each other.
func (z *Zip) unused(name string) string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for n := 2; z.names[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s-%d%s", stem, n, ext)
	}
	return name
}

// Close ends the archive; one without files is an archive too. It does not close the writer below.
func (z *Zip) Close() error { return z.w.Close() }
