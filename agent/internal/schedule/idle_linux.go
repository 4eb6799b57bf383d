// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram unmaps the pages of the program's own code and constants, twelve megabytes after a collection. The few
// that an idle process needs come back from the page cache by themselves, and the kernel is free to drop the others.
func forgetProgram() {
	path, err := os.Executable()
	if err != nil {
		return
	}
	table, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer table.Close()
	for _, r := range programRegions(table, path) {
		unmap(r)
	}
}

// region is a run of addresses, the end not included.
type region struct{ begin, end uintptr }

// programRegions returns where a table of mappings has the program at path, closed for writing and as it is in the file.
// What was written to before it was closed, the addresses that a linker puts in at the start, would be lost. A program
// that was replaced on disk is still backed by the file it was started from.
//
// Source: proc_pid_smaps(5); os.Executable leaves " (deleted)" out as well.
func programRegions(table io.Reader, path string) []region {
	var found []region
	ours := false
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if !strings.HasSuffix(fields[0], ":") {
			var r region
			if r, ours = regionOf(lines.Text(), fields, path); ours {
				found = append(found, r)
			}
			continue
		}
		if own := fields[0] == "Anonymous:" || fields[0] == "Swap:"; ours && own && (len(fields) < 2 || fields[1] != "0") {
			found, ours = found[:len(found)-1], false
		}
	}
	return found
}

// regionOf reads the first line of a mapping; false says that it is not one of the program, or open for writing.
func regionOf(line string, fields []string, path string) (region, bool) {
	place := strings.IndexByte(line, '/') // nothing before the path has one
	if len(fields) < 6 || place < 0 || strings.Contains(fields[1], "w") || strings.TrimSuffix(line[place:], " (deleted)") != path {
		return region{}, false
	}
	first, last, _ := strings.Cut(fields[0], "-")
	begin, err := strconv.ParseUint(first, 16, strconv.IntSize)
	if err != nil {
		return region{}, false
	}
	end, err := strconv.ParseUint(last, 16, strconv.IntSize)
	return region{uintptr(begin), uintptr(end)}, err == nil && end > begin
}

// unmap gives pages back that a file holds unchanged. An error leaves them where they are.
func unmap(r region) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.begin, r.end-r.begin, unix.MADV_DONTNEED)
}
