// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	// unfinished files have another name until they are whole.
	partSuffix = ".part"
	// temporary files of a run stand in a folder that is called like its file.
	workSuffix = ".work"
	fileBuffer = 256 << 10
)

// fileName is what files of tasks are called; others in the folder are left alone.
var fileName = regexp.MustCompile(`^rollcall-[A-Z2-7]{26}$`)

// newFileName makes a name that nobody guesses.
func newFileName() string { return "rollcall-" + rand.Text() }

// folder is where tasks leave their files.
type folder struct {
	dir  string
	most int64 // bytes of all of them together; 0: any number
}

// file is one that is being written.
type file struct {
	*bufio.Writer
	os   *os.File
	path string // when it is whole
}

// create begins a file of that name, which takes no more once stopped returns an error.
func (d folder) create(name string, stopped func() error) (*file, error) {
	if d.dir == "" {
		return nil, errors.New("there is no folder for files of tasks")
	}
	if err := os.MkdirAll(d.dir, folderMode); err != nil {
		return nil, fmt.Errorf("folder of exports: %w", err)
	}
	if room, err := d.room(); err != nil || room <= 0 {
		return nil, cmp.Or(err, tooLarge(d.most))
	}
	path := filepath.Join(d.dir, name)
	created, err := os.OpenFile(path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, fmt.Errorf("file of an export: %w", err)
	}
	return &file{Writer: bufio.NewWriterSize(&bounded{file: created, folder: d, stopped: stopped}, fileBuffer), os: created, path: path}, nil
}

// keep completes the file and returns its size in bytes.
func (f *file) keep() (int64, error) {
	if err := f.Flush(); err != nil {
		return 0, err
	}
	if err := f.os.Sync(); err != nil {
		return 0, err
	}
	st, err := f.os.Stat()
	if err != nil {
		return 0, err
	}
	if err := f.os.Close(); err != nil {
		return 0, err
	}
	return st.Size(), os.Rename(f.path+partSuffix, f.path)
}

// drop removes the file, whole or not, and what is temporary. What cannot be removed now is removed by a sweep.
func (f *file) drop() {
	_ = f.os.Close() // it may be closed already
	f.dropWork()
	_ = os.Remove(f.path + partSuffix)
	_ = os.Remove(f.path)
}

// work makes the folder for temporary files of the run that writes the file.
func (f *file) work() (string, error) {
	folder := f.path + workSuffix
	if err := os.Mkdir(folder, folderMode); err != nil {
		return "", fmt.Errorf("folder of temporary files: %w", err)
	}
	return folder, nil
}

// dropWork removes that folder. What cannot be removed now is removed by a sweep.
func (f *file) dropWork() { _ = os.RemoveAll(f.path + workSuffix) }

// open opens a whole file; fs.ErrNotExist when there is none.
func (d folder) open(name string) (*os.File, error) {
	if d.dir == "" || !fileName.MatchString(name) {
		return nil, fs.ErrNotExist
	}
	return os.Open(filepath.Join(d.dir, name))
}
