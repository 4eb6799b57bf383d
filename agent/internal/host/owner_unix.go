// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package host

import (
	"io/fs"
	"syscall"
)

// OwnerOf returns the number of the account that a file belongs to; false where the file system does not say.
func OwnerOf(info fs.FileInfo) (uid int64, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int64(st.Uid), true
}

// PlaceOf returns what tells a file from all others, whatever names it has; false where the file system does not say.
func PlaceOf(info fs.FileInfo) (place [2]uint64, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return place, false
	}
	return [2]uint64{uint64(st.Dev), st.Ino}, true //nolint:unconvert // macOS has another type
}
