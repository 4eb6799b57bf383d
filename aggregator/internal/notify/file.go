// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// rotatedLayout follows a file's name and a dot once it is rotated: names are in the order of time.
const rotatedLayout = "20060102T150405.000000000Z"

// file is a file of lines that is rotated by size. It syncs what it wrote, which the usual libraries for rotated logs do
// not: a position must not move past a line that a loss of power takes away.
type file struct {
	path string
	max  int64 // bytes
	keep int   // rotated files

	open  *os.File // nil: not open
	out   *bufio.Writer
	size  int64 // with what out has not written yet
	plain bool  // else it is a pipe or a device, which is neither synced nor rotated
}

// write implements sink.
func (f *file) write(all [][]byte) error {
	err := f.append(all)
	if err == nil {
		err = f.flush()
	}
	if err != nil {
		f.close() // opening it again ends what was torn
	}
	return err
}

func (f *file) append(all [][]byte) error {
	for _, line := range all {
		if err := f.ensureOpen(); err != nil {
			return err
		}
		if f.plain && f.size > 0 && f.size+int64(len(line))+1 > f.max {
			if err := errors.Join(f.rotate(time.Now()), f.ensureOpen()); err != nil {
				return err
			}
		}
		_, _ = f.out.Write(line) // bufio keeps the error
		if err := f.out.WriteByte('\n'); err != nil {
			return err
		}
		f.size += int64(len(line)) + 1
	}
	return nil
}

// ensureOpen opens the file, and ends a line that a kill or a full disk tore.
func (f *file) ensureOpen() error {
	if f.open != nil {
		return nil
	}
	open, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	info, err := open.Stat()
	if err == nil {
		f.plain = info.Mode().IsRegular()
		f.size, err = endLine(open, info)
	}
	if err != nil {
		_ = open.Close() // the first error says it
		return err
	}
	f.open, f.out = open, bufio.NewWriterSize(open, 64<<10)
	return syncFolder(f.path)
}

// endLine ends the last line of a file where it is torn, and returns the size.
func endLine(open *os.File, info os.FileInfo) (int64, error) {
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return 0, nil
	}
	last := make([]byte, 1)
	if _, err := open.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return info.Size(), err
	}
	_, err := open.Write([]byte{'\n'})
	return info.Size() + 1, err
}

// flush makes everything durable.
func (f *file) flush() error {
	if f.open == nil {
		return nil
	}
	if err := f.out.Flush(); err != nil || !f.plain {
		return err
	}
	return f.open.Sync()
}

// rotate gives the file its final name and drops the oldest of those that have one.
func (f *file) rotate(now time.Time) error {
	if err := f.flush(); err != nil {
		return err
	}
	f.close()
	name, err := f.rotatedName(now)
	if err != nil {
		return err
	}
	if err := os.Rename(f.path, name); err != nil {
		return err
	}
	return errors.Join(f.prune(), syncFolder(f.path))
}

// rotatedName is a name behind those that there are, though the clock may have been set back: what is dropped is the
// oldest.
func (f *file) rotatedName(now time.Time) (string, error) {
	rotated, err := f.rotated()
	if n := len(rotated); n > 0 {
		last, unread := time.Parse(rotatedLayout, strings.TrimPrefix(rotated[n-1], f.path+"."))
		if unread == nil && !now.After(last) {
			now = last.Add(1)
		}
	}
	return f.path + "." + now.UTC().Format(rotatedLayout), err
}

func (f *file) prune() error {
	rotated, err := f.rotated()
	if err != nil {
		return err
	}
	for len(rotated) > f.keep {
		if err := os.Remove(rotated[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		rotated = rotated[1:]
	}
	return nil
}

// rotated lists the rotated files, the oldest first.
func (f *file) rotated() ([]string, error) {
	folder, name := filepath.Split(f.path)
	entries, err := os.ReadDir(filepath.Clean(folder + "."))
	if err != nil {
		return nil, fmt.Errorf("rotated files: %w", err)
	}
	var found []string
	for _, e := range entries {
		suffix, ok := strings.CutPrefix(e.Name(), name+".")
		if _, err := time.Parse(rotatedLayout, suffix); ok && err == nil {
			found = append(found, folder+e.Name())
		}
	}
	slices.Sort(found)
	return found, nil
}

func (f *file) close() {
	if f.open != nil {
		_ = f.open.Close() // what counts was synced
		f.open, f.out, f.size = nil, nil, 0
	}
}

// syncFolder makes names durable, where folders can be synced.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = folder.Sync() // some systems cannot
	return folder.Close()
}
