// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram unmaps the pages of the program's own code and constants, twelve megabytes after a collection. The few
// that an idle process needs come back from the page cache by themselves, and the kernel is free to drop the others.
//
// Only a program without relocations is treated so: it has written to none of these pages.
func forgetProgram() {
	path, err := os.Executable()
	if err != nil || !linkedForItsPlace() {
		return
	}
	raw, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != path || strings.Contains(fields[1], "w") {
			continue
		}
		first, last, _ := strings.Cut(fields[0], "-")
		begin, err := strconv.ParseUint(first, 16, 64)
		if err != nil {
			continue
		}
		end, err := strconv.ParseUint(last, 16, 64)
		if err != nil || end <= begin {
			continue
		}
		unmap(uintptr(begin), uintptr(end-begin))
	}
}

// unmap gives pages back that a file holds unchanged. An error leaves them where they are.
func unmap(begin, size uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, begin, size, unix.MADV_DONTNEED)
}

// linkedForItsPlace tells whether the linker fixed the program's addresses.
func linkedForItsPlace() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-buildmode" {
			return s.Value == "exe"
		}
	}
	return false
}
