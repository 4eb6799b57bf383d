// SPDX-License-Identifier: Apache-2.0

package export

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/flate"
)

// partBytes is the size from which the lines of a model go to a next file.
const partBytes = 1 << 30

// partedFiles writes lines to many files at once and joins them into one archive in the end. Until then they stand,
// compressed, in one temporary file each; a file takes about a megabyte of memory.
type partedFiles struct {
	folder string
	limit  int64 // of a part, before compression
	files  map[string]*partedFile
}

// partedFile is the lines of one model.
type partedFile struct {
	temporary *os.File
	pending   bytes.Buffer // lines that are not compressed yet
	deflater  *flate.Writer
	packed    int64 // written to the temporary file
	part      filePart
	parts     []filePart // that are whole
}

// filePart is one file of the archive.
type filePart struct {
	at, packed, raw int64 // where it begins in the temporary file, and its sizes
	sum             uint32
}

// pendingBytes is how much is compressed at a time.
const pendingBytes = 64 << 10

func newPartedFiles(folder string, limit int64) *partedFiles {
	return &partedFiles{folder: folder, limit: limit, files: map[string]*partedFile{}}
}

// drop removes the temporary files.
func (p *partedFiles) drop() {
	for _, f := range p.files {
		_ = f.temporary.Close() // nobody wants its content any more
		_ = os.Remove(f.temporary.Name())
	}
}

// add writes a line, which ends with a line feed.
func (p *partedFiles) add(name string, line []byte) error {
	f := p.files[name]
	if f == nil {
		temporary, err := os.CreateTemp(p.folder, "rollcall-export-*")
		if err != nil {
			return err
		}
		f = &partedFile{temporary: temporary}
		p.files[name] = f
		if f.deflater, err = flate.NewWriter(f, flate.BestSpeed); err != nil {
			return err
		}
	}
	if f.part.raw > 0 && f.part.raw+int64(len(line)) > p.limit {
		if err := f.end(); err != nil {
			return err
		}
	}
	f.part.raw += int64(len(line))
	f.pending.Write(line)
	if f.pending.Len() < pendingBytes {
		return nil
	}
	return f.compress()
}

// Write implements io.Writer for what is compressed.
func (f *partedFile) Write(packed []byte) (int, error) {
	n, err := f.temporary.Write(packed)
	f.packed += int64(n)
	return n, err
}

func (f *partedFile) compress() error {
	f.part.sum = crc32.Update(f.part.sum, crc32.IEEETable, f.pending.Bytes())
	_, err := f.deflater.Write(f.pending.Bytes())
	f.pending.Reset()
	return err
}

// end makes the part whole that is being written, and begins the next one.
func (f *partedFile) end() error {
	if err := f.compress(); err != nil {
		return err
	}
	if err := f.deflater.Close(); err != nil {
		return err
	}
	f.part.packed = f.packed - f.part.at
	f.parts = append(f.parts, f.part)
	f.part = filePart{at: f.packed}
	f.deflater.Reset(f)
	return nil
}

// archive joins the files in the order of their names; nameOf gives each part its name, counted from 1. Names without
// lines have no file.
func (p *partedFiles) archive(out io.Writer, at time.Time, names []string, nameOf func(name string, part int) string) error {
	z := zip.NewWriter(out)
	for _, name := range names {
		f := p.files[name]
		if f == nil {
			continue
		}
		if err := f.end(); err != nil {
			return err
		}
		for i, part := range f.parts {
			if err := f.copyPart(z, nameOf(name, i+1), part, at); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return z.Close()
}

var errShortPart = errors.New("a temporary file is shorter than what was written to it")

func (f *partedFile) copyPart(z *zip.Writer, name string, part filePart, at time.Time) error {
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Deflate, Modified: at.UTC(), CRC32: part.sum,
		CompressedSize64: uint64(part.packed), UncompressedSize64: uint64(part.raw),
	})
	if err != nil {
		return err
	}
	n, err := io.Copy(w, io.NewSectionReader(f.temporary, part.at, part.packed))
	if err == nil && n != part.packed {
		err = errShortPart
	}
	return err
}
