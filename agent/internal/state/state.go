// SPDX-License-Identifier: Apache-2.0

// Package state is the agent's folder on disk: one agent at a time, and files that are whole or not there.
//
// A folder that belongs to the account of a service stays that account's when root works in it: what root writes there is
// given to the account, and no link in the folder leads root out of it.
//
// It knows nothing of what the files mean; identity, spool and schedule do. Docs: docs/operations.md lists the files.
package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lockName is the file that the agent holds locked; while an agent waits for wake-up signals it holds its process id.
const lockName = "lock"

// ErrLocked says that another agent uses the folder.
var ErrLocked = errors.New("another agent uses this state folder")

// ErrTooLarge says that a file is larger than its reader accepts.
var ErrTooLarge = errors.New("file is too large")

// Dir is a state folder. It is not safe for concurrent use, except Path.
type Dir struct {
	path string
	lock *os.File

	// Fault is called before each step of a write with its name: create, write, sync, rename, syncdir, remove.
	// An error ends the write there, as a crash would. Tests set it; it is nil otherwise.
	Fault func(step, name string) error
}

// Open returns the state folder at path, creating it for its owner alone when it is missing. It takes no lock: whoever
// writes calls Lock first.
func Open(path string) (*Dir, error) {
	if err := makeFolder(path); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return &Dir{path: path}, nil
}

// Exists tells whether there is a folder at path, which Open would make.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Path returns the folder's path.
func (d *Dir) Path() string { return d.path }

// Lock makes this process the one agent of the folder until Close, or returns ErrLocked at once. The lock dies with
// the process, however that ends.
func (d *Dir) Lock() error {
	f, err := d.openLock()
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close() // nothing was written to it
		return fmt.Errorf("%w: %s", ErrLocked, d.path)
	}
	d.lock = f
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}

// openLock opens the lock's file, and makes it when it is missing.
func (d *Dir) openLock() (*os.File, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return d.openOwn(root, lockName, os.O_RDWR)
	}
	if err != nil {
		return nil, err
	}
	return f, adopt(root, f)
}

// openOwn opens a file of the folder: neither a pipe, which would hold the caller up, nor a file that lies elsewhere, too.
func (d *Dir) openOwn(root *os.Root, name string, how int) (*os.File, error) {
	f, err := root.OpenFile(name, how|noWait, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !onlyName(info)) {
		err = fmt.Errorf("%s is not a file of this folder alone", filepath.Join(d.path, name))
	}
	if err != nil {
		_ = f.Close() // nothing was written to it
		return nil, err
	}
	return f, nil
}

// Announce writes this process's id into the lock: from now on it may be woken by a signal.
func (d *Dir) Announce() error {
	_, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// Holder returns the process id that the folder's holder announced; it means something only after Lock returned
// ErrLocked.
func (d *Dir) Holder() (int, error) {
	raw, err := d.Read(lockName, 32)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
}

// Close gives the lock back.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// Read returns a file of at most limit bytes. A missing one gives fs.ErrNotExist, a larger one ErrTooLarge.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := d.openOwn(root, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("%s: %w", name, ErrTooLarge)
	}
	return raw, nil
}

// Write replaces a file in one step, readable for its owner alone: a crash leaves the old file or the new one.
// When it returns nil the new one also survives a loss of power.
func (d *Dir) Write(name string, content []byte) error { return d.replace(name, content, true) }

// WriteSoft is Write without waiting for the disk: after a loss of power the file may be old, empty or gone.
func (d *Dir) WriteSoft(name string, content []byte) error { return d.replace(name, content, false) }

// Remove deletes a file; that it is missing already is no error.
func (d *Dir) Remove(name string) error {
	if err := d.fault("remove", name); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.path)
	if err == nil {
		defer root.Close()
		err = remove(root, name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *Dir) replace(name string, content []byte, durable bool) error {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := makeParent(root, name); err != nil {
		return err
	}
	temp := name + ".new"
	if err := d.writeTemp(root, temp, name, content, durable); err != nil {
		return err
	}
	if err := d.fault("rename", name); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return err
	}
	if !durable {
		return nil
	}
	if err := d.fault("syncdir", name); err != nil {
		return err
	}
	return syncFolder(filepath.Join(d.path, filepath.Dir(name)))
}

// makeParent makes the folder that name lies in.
func makeParent(root *os.Root, name string) error {
	dir := filepath.Dir(name)
	if dir == "." {
		return nil
	}
	err := root.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := root.OpenFile(dir, os.O_RDONLY|noWait, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.IsDir() { // the folder's account was quick
		return errors.Join(err, fmt.Errorf("%s is no folder any more", dir))
	}
	return adopt(root, f)
}

func (d *Dir) writeTemp(root *os.Root, temp, name string, content []byte, durable bool) error {
	if err := d.fault("create", name); err != nil {
		return err
	}
	if err := remove(root, temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := adopt(root, f); err != nil {
		return err
	}
	half := len(content) / 2
	if _, err := f.Write(content[:half]); err != nil {
		return err
	}
	if err := d.fault("write", name); err != nil {
		return err
	}
	if _, err := f.Write(content[half:]); err != nil {
		return err
	}
	if durable {
		if err := d.fault("sync", name); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return f.Close()
}

func (d *Dir) fault(step, name string) error {
	if d.Fault == nil {
		return nil
	}
	return d.Fault(step, name)
}
