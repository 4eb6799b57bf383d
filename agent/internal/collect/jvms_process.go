// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/jar"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// javaProcess is a process that a Java virtual machine runs in.
type javaProcess struct {
	pid         int64
	folder      string // proc/<pid>
	tree        javaTree
	library     string   // path of libjvm.so
	mapped      []string // archives in its memory
	arguments   javaArguments
	environment map[string]string
	perf        perfData
	work        string // its working folder
	home        string // of its Java
	uid         string
	inside      int64 // its id in its container, else pid
	user        string
	userHome    string
	started     time.Time
	ticks       string   // since boot, at its start
	last        []string // options that come after those of the command line
}

// userTicks is the unit of times in /proc/<pid>/stat: USER_HZ, the same on all architectures that we are built for.
const userTicks = 100

// maxJavaCommand bounds the command line and the environment of a process.
const maxJavaCommand = 4 << 20

// javaProcesses finds the processes that map libjvm.so, and describes each. One that ends meanwhile is left out.
//
// Source: proc(5).
func javaProcesses(r *javaRound) ([]*inventoryv1.Jvm, error) {
	entries, err := fs.ReadDir(r.h.FS(), "proc")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bootID, booted := peek(r.h, "proc/sys/kernel/random/boot_id"), bootTime(r.h)
	var rows []*inventoryv1.Jvm
	for _, e := range entries {
		pid, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil || pid <= 0 {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		p := &javaProcess{pid: pid, folder: "proc/" + e.Name()}
		if !p.isJava(r) || !p.look(r, booted) {
			continue
		}
		id := r.id(bootID, e.Name(), p.ticks)
		row, err := p.row(r, id)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// bootTime is when the kernel started, by today's clock: setting the clock moves it.
func bootTime(h host.Host) time.Time {
	raw, err := host.ReadFile(h.FS(), "proc/stat", largeFile)
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "btime "); ok {
			if seconds := number(value); seconds != nil {
				return time.Unix(*seconds, 0)
			}
		}
	}
	return time.Time{}
}

// isJava tells whether the process has libjvm.so in its memory. Where that is refused, a process counts that is called
// java or that keeps counters as HotSpot does.
func (p *javaProcess) isJava(r *javaRound) bool {
	raw, err := host.ReadFile(r.h.FS(), p.folder+"/cmdline", maxJavaCommand)
	if err != nil || len(raw) == 0 {
		return false // gone, or a thread of the kernel
	}
	args := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	err = p.maps(r.h)
	switch {
	case errors.Is(err, fs.ErrPermission):
		r.deny("proc/*/maps")
		if file, _ := (javaTree{}).perfFile(r.h, p.pid); file == "" && !isLauncher(args[0]) {
			return false
		}
	case err != nil || p.library == "":
		return false
	}
	if p.uid, p.inside, err = p.status(r.h); err != nil {
		return false
	}
	p.findTree(r.h)
	p.environment = p.readEnvironment(r)
	p.work, _ = fs.ReadLink(r.h.FS(), p.folder+"/cwd") // unknown: relative paths stay unknown
	if isLauncher(args[0]) {
		p.last = javaWords(p.environment["_JAVA_OPTIONS"], false)
		p.arguments = parseJava(p.withOptions(args[1:]), func(file string) []string {
			text, _ := p.readOwn(r, file) // no file, no words
			return javaWords(string(text), true)
		})
	}
	return true
}

// maps reads the names of mapped files as far as they matter.
func (p *javaProcess) maps(h host.Host) error {
	f, err := h.FS().Open(p.folder + "/maps")
	if err != nil {
		return err
	}
	defer f.Close()
	seen := map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(f, largeFile))
	for lines.Scan() {
		line := lines.Bytes()
		slash := bytes.IndexByte(line, '/')
		if slash < 0 {
			continue
		}
		name := bytes.TrimSuffix(line[slash:], []byte(" (deleted)"))
		if bytes.HasSuffix(name, []byte("/libjvm.so")) {
			p.library = string(name)
		} else if jar.Named(string(name)) && !seen[string(line[slash:])] {
			seen[string(line[slash:])] = true
			p.mapped = append(p.mapped, string(line[slash:]))
		}
	}
	return lines.Err()
}

// containerID is the id that container runtimes put into the names of control groups.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// findTree finds out whether the process has a file tree of its own, and which container it is in.
func (p *javaProcess) findTree(h host.Host) {
	own, err := fs.ReadLink(h.FS(), p.folder+"/ns/mnt")
	ours, _ := fs.ReadLink(h.FS(), "proc/self/ns/mnt")
	root, _ := fs.ReadLink(h.FS(), p.folder+"/root")
	if err == nil && own != ours || root != "" && root != "/" {
		p.tree.root = p.folder + "/root"
	}
	group, err := readLine(h, p.folder+"/cgroup")
	if ids := containerID.FindAllString(group, -1); err == nil && len(ids) > 0 {
		p.tree.container = ids[len(ids)-1]
	}
}

// readEnvironment reads what the process was started with; without the right to, that is noted.
func (p *javaProcess) readEnvironment(r *javaRound) map[string]string {
	raw, err := host.ReadFile(r.h.FS(), p.folder+"/environ", maxJavaCommand)
	if errors.Is(err, fs.ErrPermission) {
		r.deny("proc/*/environ")
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(string(raw), "\x00") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values[name] = value
		}
	}
	return values
}

// withOptions puts the options of the environment before those of the command line, where they take effect; only
// _JAVA_OPTIONS come after those.
func (p *javaProcess) withOptions(args []string) []string {
	tool := javaWords(p.environment["JAVA_TOOL_OPTIONS"], false)
	return slices.Concat(tool, javaWords(p.environment["JDK_JAVA_OPTIONS"], true), args)
}
