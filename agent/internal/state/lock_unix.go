// SPDX-License-Identifier: Apache-2.0

//go:build unix

package state

import (
	"os"
	"syscall"
)

// lockFile takes an exclusive lock without waiting; it ends when the file is closed or the process dies.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// syncFolder makes a rename inside the folder survive a loss of power.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
