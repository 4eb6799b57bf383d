// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io"
	"io/fs"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// read reads a regular file of at most limit bytes; nil for one that is not there, that may not be read, or is larger.
func (f *finder) read(name string, limit int64) []byte {
	file := f.open(name)
	if file == nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() > limit {
		f.note(name, err)
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(file, limit+1))
	f.note(name, err)
	if int64(len(raw)) > limit {
		return nil // it grew
	}
	return raw
}

// readHead is read for at most the first limit bytes of a file of any size.
func (f *finder) readHead(name string, limit int64) []byte {
	file := f.open(name)
	if file == nil {
		return nil
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, limit))
	f.note(name, err)
	return raw
}

// open opens a regular file; nil when there is none to be read.
func (f *finder) open(name string) fs.File {
	file, info, err := openRegular(f.h, name)
	if err != nil {
		f.note(name, err)
		return nil
	}
	if !f.owned(name, info) {
		_ = file.Close() // only read
		return nil
	}
	return file
}

// openRegular opens a regular file, and describes the one that was opened: its name may lead elsewhere by now. Anything
// else is fs.ErrInvalid and, where that can be seen, not opened.
func openRegular(h host.Host, name string) (fs.File, fs.FileInfo, error) {
	info, err := fs.Stat(h.FS(), name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := h.FS().Open(name)
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		_ = file.Close() // only read
		return nil, nil, err
	}
	return file, info, nil
}

// owned tells whether a file in somebody's home is one that the home's owner could read too. A link there may lead
// anywhere, and the agent reads more than he may: what he points it at would become a fact.
func (f *finder) owned(name string, info fs.FileInfo) bool {
	home := homeOf(name)
	if home == name || home == "root" {
		return true
	}
	owner, known := f.owners[home]
	if !known {
		owner = -1
		if folder, err := fs.Stat(f.h.FS(), home); err == nil {
			if uid, told := host.OwnerOf(folder); told {
				owner = uid
			}
		}
		f.owners[home] = owner
	}
	return readableBy(owner, info)
}

// readableBy tells whether an account may read a file by the file's owner and mode; what groups may read does not count.
// It holds where the system has no such owners.
func readableBy(uid int64, info fs.FileInfo) bool {
	owner, known := host.OwnerOf(info)
	return !known || owner == uid || info.Mode().Perm()&0o004 != 0
}
