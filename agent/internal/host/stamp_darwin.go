// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io/fs"
	"syscall"
)

// identityOf returns a file's inode and the time of its last change in nanoseconds, zeros where the file system has none.
func identityOf(info fs.FileInfo) (inode uint64, ctime int64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return st.Ino, st.Ctimespec.Nano()
}
