// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fileMemory returns the resident memory that files back, in KiB.
func fileMemory(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(raw)
	if found == nil {
		t.Skip("NOT TESTED: the kernel does not tell how much memory files back")
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// regions returns what of this program would be given back, and how much that is in KiB.
func regions(t *testing.T) (all []region, kib int) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("NOT TESTED: " + err.Error())
	}
	defer table.Close()
	all = programRegions(table, path)
	for _, r := range all {
		kib += int(r.end-r.begin) / 1024
	}
	return all, kib
}

func TestAnIdleProgramLeavesItsPagesToTheKernel(t *testing.T) { //nolint:paralleltest // others would bring pages back
	all, size := regions(t)
	if size == 0 {
		t.Fatal("nothing of this program was found")
	}
	for _, r := range all {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.begin, r.end-r.begin, unix.MADV_POPULATE_READ); errno != 0 {
			t.Skip("NOT TESTED: the kernel cannot be told to read pages in: " + errno.Error())
		}
	}
	before := fileMemory(t)
	goIdle()
	after := fileMemory(t)
	if after > before-size/2 {
		t.Errorf("got %d KiB after %d KiB, of which %d KiB can go", after, before, size)
	}
	// It goes on: code, types and constants come back unchanged.
	words := slices.Sorted(maps.Keys(map[string]int{"b": 1, "a": 2}))
	if got := strings.Join(words, ","); got != "a,b" || len(debug.Stack()) == 0 {
		t.Errorf("got %s", got)
	}
}

func TestOnlyWhatTheProgramNeverWroteToIsGivenBack(t *testing.T) {
	t.Parallel()
	const table = `00400000-00c5a000 r-xp 00000000 fe:00 1234                               /opt/roll call/agent
Rss:                 400 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
00c5a000-01400000 r--p 0085a000 fe:00 1234                               /opt/roll call/agent
Anonymous:             0 kB
01400000-01410000 r--p 01000000 fe:00 1234                               /opt/roll call/agent
Anonymous:             4 kB
Swap:                  0 kB
01410000-01420000 r--p 01010000 fe:00 1234                               /opt/roll call/agent
Anonymous:             0 kB
Swap:                  8 kB
01420000-01480000 rw-p 01020000 fe:00 1234                               /opt/roll call/agent
01480000-014c0000 rw-p 00000000 00:00 0
02000000-02100000 r-xp 00000000 fe:00 1235                               /opt/roll call/agent.old
03000000-03100000 r-xp 00000000 fe:00 1236                               /usr/lib/libc.so.6
Anonymous:             4 kB
7ffd0000-7ffd2000 r-xp 00000000 00:00 0                                  [vdso]
7ffe0000-7ffe0000 r-xp 00000000 fe:00 1234                               /opt/roll call/agent
nonsense
`
	want := []region{{0x400000, 0xc5a000}, {0xc5a000, 0x1400000}}
	for _, replaced := range []string{"", " (deleted)"} {
		text := strings.ReplaceAll(table, "agent\n", "agent"+replaced+"\n")
		if got := programRegions(strings.NewReader(text), "/opt/roll call/agent"); !slices.Equal(got, want) {
			t.Errorf("%q: got %x, want %x", replaced, got, want)
		}
	}
}
