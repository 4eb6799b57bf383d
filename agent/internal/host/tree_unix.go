// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFolder bounds the names of one folder. Real ones have some thousand, and who fills one with millions must not fill
// our memory with them.
const maxFolder = 200_000

// errIrregular is fs.ErrInvalid: what is neither a file nor a folder is never opened.
var errIrregular = fmt.Errorf("neither a file nor a folder: %w", fs.ErrInvalid)

// tree is a file tree in which whoever looks cannot be held up: the users of a machine may put a pipe, or a link to a
// device, where a file is expected, and may do so between a look and the opening.
type tree struct {
	fs.FS // os.DirFS of dir
	dir   string
}

var (
	_ fs.ReadDirFS  = tree{}
	_ fs.StatFS     = tree{}
	_ fs.ReadLinkFS = tree{}
)

// treeAt returns the tree below dir.
func treeAt(dir string) fs.FS { return tree{FS: os.DirFS(dir), dir: dir} }

// Open implements fs.FS for files and folders. Anything else is fs.ErrInvalid, and is not opened: opening alone makes a
// pipe wait and starts a watchdog.
func (t tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) || strings.IndexByte(name, 0) >= 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	full := filepath.Join(t.dir, name)
	info, err := os.Stat(full)
	if err == nil && !plain(info) {
		err = errIrregular
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: reason(err)}
	}
	file, err := openNow(full)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: reason(err)}
	}
	if info, err = file.Stat(); err == nil && !plain(info) { // it was exchanged
		err = errIrregular
	}
	if err != nil {
		_ = file.Close() // only read
		return nil, &fs.PathError{Op: "open", Path: name, Err: reason(err)}
	}
	return file, nil
}

// plain tells whether something is a file or a folder.
func plain(info fs.FileInfo) bool { return info.Mode().IsRegular() || info.IsDir() }

// openNow opens a file for reading without waiting for a writer.
func openNow(name string) (*os.File, error) {
	for {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := unix.SetNonblock(fd, false); err != nil { // only the opening was not to wait
			_ = unix.Close(fd) // the error before it counts
			return nil, err
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// reason is the cause of an error about a path, whose name is the caller's to tell.
func reason(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// ReadDir implements fs.ReadDirFS: the entries of a folder by name. One of more than maxFolder names fails with ErrTooLarge: which of
// them come first is not the same each time.
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	folder, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.ErrUnsupported}
	}
	entries, err := folder.ReadDir(maxFolder + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: reason(err)}
	}
	if len(entries) > maxFolder {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fmt.Errorf("%w: more than %d names", ErrTooLarge, maxFolder)}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Stat implements fs.StatFS.
func (t tree) Stat(name string) (fs.FileInfo, error) { return fs.Stat(t.FS, name) }

// ReadLink implements fs.ReadLinkFS.
func (t tree) ReadLink(name string) (string, error) { return fs.ReadLink(t.FS, name) }

// Lstat implements fs.ReadLinkFS.
func (t tree) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }
