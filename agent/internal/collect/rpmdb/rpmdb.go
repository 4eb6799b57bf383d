// SPDX-License-Identifier: Apache-2.0

// Package rpmdb reads the headers of installed packages out of an rpm database: sqlite, ndb and Berkeley DB hash.
//
// It reads pages and records through io.ReaderAt, holds one record at a time, never writes or locks, and believes no
// length that it has not checked: a database may be half written or hostile. It knows nothing about inventory.
package rpmdb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// ErrCorrupt is returned for a database or header that breaks its own format.
var ErrCorrupt = errors.New("corrupt rpm database")

// Limits of one database; the largest known header, of a package with a hundred thousand files, has 20 MB.
const (
	maxRecord  = 64 << 20
	maxRecords = 200_000
)

// reader is one open database of any kind.
type reader struct {
	file io.ReaderAt
	size int64
}

// Files are the names that a database folder may hold, the preferred first.
var Files = []string{"rpmdb.sqlite", "Packages.db", "Packages"}

// Read calls each with every package header in the first database found in folder, in the database's order. The blob
// belongs to each only during the call. An error of each ends the reading and comes back. A folder without a database
// fails with fs.ErrNotExist.
func Read(fsys fs.FS, folder string, each func(header []byte) error) error {
	for _, name := range Files {
		err := readFile(fsys, path.Join(folder, name), each)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s/%s: %w", folder, name, err)
		}
		return nil
	}
	return fmt.Errorf("%s: %w", folder, fs.ErrNotExist)
}

// readFile reads one database of the kind that its name says.
func readFile(fsys fs.FS, name string, each func([]byte) error) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	at, ok := f.(io.ReaderAt)
	if !ok || !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	r := reader{file: at, size: info.Size()}
	left := maxRecords
	counted := func(header []byte) error {
		if left--; left < 0 {
			return fmt.Errorf("%w: more than %d records", ErrCorrupt, maxRecords)
		}
		return each(header)
	}
	switch path.Base(name) {
	case "rpmdb.sqlite":
		wal, closeWAL, err := openWAL(fsys, name+"-wal")
		defer closeWAL()
		if err != nil {
			return err
		}
		return r.readSQLite(wal, counted)
	case "Packages.db":
		return r.readNDB(counted)
	default:
		return r.readBDB(counted)
	}
}

// bytes returns n bytes at an offset, in buf if that is large enough.
func (r reader) bytes(buf []byte, offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || n > maxRecord || offset > r.size-n {
		return nil, fmt.Errorf("%w: %d bytes at %d of %d", ErrCorrupt, n, offset, r.size)
	}
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := r.file.ReadAt(buf, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf, nil
}
