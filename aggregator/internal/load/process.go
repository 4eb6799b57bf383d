// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc; the kernel fixes it at 100 a second for user space.
const tick = 10 * time.Millisecond

// procFolder is where Linux shows its processes. Elsewhere nothing is there, and nothing is reported.
const procFolder = "/proc"

// process is what /proc tells of one process.
type process struct {
	pid, parent int
	start       uint64        // ticks since the machine booted; with the pid it names the process
	own         time.Duration // CPU time of its own
	reaped      time.Duration // CPU time of its children that have ended, and of theirs
}

// identity names a process for ever.
type identity struct {
	pid   int
	start uint64
}

func (p process) identity() identity { return identity{p.pid, p.start} }

// readProcess reads /proc/pid/stat.
func readProcess(pid int) (process, error) {
	raw, err := os.ReadFile(filepath.Join(procFolder, strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:]) // behind the name, which may hold anything
	const parent, utime, stime, cutime, cstime, start = 1, 11, 12, 13, 14, 19
	if len(fields) <= start {
		return process{}, fmt.Errorf("stat of process %d has %d fields", pid, len(fields))
	}
	number := func(i int) uint64 {
		n, _ := strconv.ParseUint(string(fields[i]), 10, 64) // the kernel writes numbers
		return n
	}
	return process{
		pid: pid, parent: int(number(parent)), start: number(start),
		own:    time.Duration(number(utime)+number(stime)) * tick,
		reaped: time.Duration(number(cutime)+number(cstime)) * tick,
	}, nil
}

// readProcesses reads all processes by pid; those that end meanwhile are left out.
func readProcesses() map[int]process {
	names, _ := filepath.Glob(filepath.Join(procFolder, "[0-9]*")) // the pattern is right
	all := make(map[int]process, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil {
			all[pid] = p
		}
	}
	return all
}

// below returns the descendants of a process.
func below(all map[int]process, root int) []process {
	children := map[int][]process{}
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
	}
	var found []process
	for next := children[root]; len(next) > 0; {
		p := next[0]
		next = append(next[1:], children[p.pid]...)
		found = append(found, p)
	}
	return found
}

// resident is what a process has in memory, in bytes.
type resident struct {
	rss, peak               int64
	anonymous, file, shared int64 // parts of rss
}

// readResident reads /proc/pid/status; a process that ended has nothing.
func readResident(pid int) resident {
	raw, err := os.ReadFile(filepath.Join(procFolder, strconv.Itoa(pid), "status"))
	if err != nil {
		return resident{}
	}
	var r resident
	into := map[string]*int64{
		"VmRSS": &r.rss, "VmHWM": &r.peak, "RssAnon": &r.anonymous, "RssFile": &r.file, "RssShmem": &r.shared,
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if target, ok := into[name]; ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			*target = kilobytes << 10
		}
	}
	return r
}

// residentTogether returns what processes that share memory have together: what is their own added up, and the largest
// view of what they share.
func residentTogether(pids []int) int64 {
	var own, file, shared int64
	for _, pid := range pids {
		r := readResident(pid)
		own += r.anonymous
		file, shared = max(file, r.file), max(shared, r.shared)
	}
	return own + file + shared
}
