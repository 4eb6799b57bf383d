// SPDX-License-Identifier: Apache-2.0

//go:build unix

package state

import (
	"io/fs"
	"os"
	"syscall"
)

// noWait opens a pipe without waiting for its other end.
const noWait = syscall.O_NONBLOCK

// onlyName tells whether a file has one name: with a second one it may be anybody's.
func onlyName(info fs.FileInfo) bool {
	file, ok := info.Sys().(*syscall.Stat_t)
	return !ok || file.Nlink == 1
}

// remove deletes a file of the folder.
func remove(root *os.Root, name string) error { return root.Remove(name) }

// makeFolder makes the state folder, for its owner alone, unless it is there.
func makeFolder(path string) error { return os.MkdirAll(path, 0o700) }

// adopt gives a file that root has just made to the owner of the state folder: an administrator enrols, and the service
// runs under another account. For others it does nothing.
func adopt(root *os.Root, f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := root.Stat(".")
	if err != nil {
		return err
	}
	owner, ok := folder.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
