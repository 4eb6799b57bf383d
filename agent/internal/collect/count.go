// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// counted is a machine that counts the bytes of files that are read from it.
type counted struct {
	host.Host
	tree countedFS
}

// counting returns h with a counter of its own.
func counting(h host.Host) *counted {
	return &counted{Host: h, tree: countedFS{FS: h.FS(), bytes: new(atomic.Int64)}}
}

// FS implements host.Host.
func (c *counted) FS() fs.FS { return c.tree }

// countedFS passes everything on. What a file system can do beyond opening files, it can do too.
type countedFS struct {
	fs.FS
	bytes *atomic.Int64
}

var (
	_ fs.ReadDirFS  = countedFS{}
	_ fs.ReadFileFS = countedFS{}
	_ fs.StatFS     = countedFS{}
	_ fs.ReadLinkFS = countedFS{}
)

// Open implements fs.FS. A file can be read at any place if it could before.
func (c countedFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	one := countedFile{File: f, bytes: c.bytes}
	if at, ok := f.(fileAt); ok {
		return countedFileAt{countedFile: one, at: at}, nil
	}
	if _, folder := f.(fs.ReadDirFile); folder {
		return f, nil
	}
	return one, nil
}

// ReadDir implements fs.ReadDirFS; names are not counted.
func (c countedFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(c.FS, name) }

// ReadFile implements fs.ReadFileFS.
func (c countedFS) ReadFile(name string) ([]byte, error) {
	raw, err := fs.ReadFile(c.FS, name)
	c.bytes.Add(int64(len(raw)))
	return raw, err
}

// Stat implements fs.StatFS.
func (c countedFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }

// ReadLink implements fs.ReadLinkFS.
func (c countedFS) ReadLink(name string) (string, error) { return fs.ReadLink(c.FS, name) }

// Lstat implements fs.ReadLinkFS.
func (c countedFS) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(c.FS, name) }

// countedFile is a file that is read from its beginning to its end.
type countedFile struct {
	fs.File
	bytes *atomic.Int64
}

// Read implements fs.File.
func (f countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.bytes.Add(int64(n))
	return n, err
}

// fileAt is what databases are read through.
type fileAt interface {
	fs.File
	io.ReaderAt
	io.Seeker
}

// countedFileAt is a file that is read at any place.
type countedFileAt struct {
	countedFile
	at fileAt
}

// ReadAt implements io.ReaderAt.
func (f countedFileAt) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.at.ReadAt(p, offset)
	f.bytes.Add(int64(n))
	return n, err
}

// Seek implements io.Seeker.
func (f countedFileAt) Seek(offset int64, whence int) (int64, error) {
	return f.at.Seek(offset, whence)
}

// ReadDir implements fs.ReadDirFile: os.File is that, too, whatever was opened.
func (f countedFileAt) ReadDir(n int) ([]fs.DirEntry, error) {
	if folder, ok := f.File.(fs.ReadDirFile); ok {
		return folder.ReadDir(n)
	}
	return nil, errors.ErrUnsupported
}
