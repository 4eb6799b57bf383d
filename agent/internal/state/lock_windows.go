// SPDX-License-Identifier: Apache-2.0

package state

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes an exclusive lock without waiting; it ends when the file is closed or the process dies. The locked
// byte lies behind the content, because Windows keeps others from reading locked bytes.
func lockFile(f *os.File) error {
	behind := windows.Overlapped{Offset: 1 << 20}
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &behind)
}

// syncFolder does nothing: NTFS journals renames itself.
func syncFolder(string) error { return nil }
