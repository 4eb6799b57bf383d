// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/jar"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// look gathers what the process tells beside its arguments; false when it is gone.
func (p *javaProcess) look(r *javaRound, booted time.Time) bool {
	stat, err := readLine(r.h, p.folder+"/stat")
	if err != nil {
		return false
	}
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return false
	}
	p.ticks = fields[19] // field 22; the first two are cut off
	if ticks := number(p.ticks); ticks != nil && *ticks < 1<<40 && !booted.IsZero() {
		p.started = booted.Add(time.Duration(*ticks/userTicks) * time.Second)
	}
	p.readPerf(r)
	p.user, p.userHome = p.tree.account(r.h, p.uid)
	if p.user == "" {
		_, owner := p.tree.perfFile(r.h, p.inside)
		p.user = cmp.Or(owner, p.uid)
	}
	p.home = cmp.Or(p.perf.text(perfHome), javaHome(p.library))
	if p.arguments.main == "" && p.perf.texts != nil {
		p.fromPerf()
	}
	return true
}

// status reads whose process it is, and which id it has inside its container.
func (p *javaProcess) status(h host.Host) (uid string, inside int64, err error) {
	text, err := readLine(h, p.folder+"/status")
	inside = p.pid
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch last := number(f[len(f)-1]); {
		case f[0] == "Uid:":
			uid = f[1]
		case f[0] == "NSpid:" && last != nil:
			inside = *last
		}
	}
	return uid, inside, err
}

// readPerf reads the counters of the virtual machine. Those of an earlier process with the same id are none of its, nor
// is what somebody else calls so: the folder for temporary files is everybody's.
func (p *javaProcess) readPerf(r *javaRound) {
	file, _ := p.tree.perfFile(r.h, p.inside)
	if file == "" {
		return
	}
	info, err := fs.Stat(r.h.FS(), file)
	if err != nil {
		return
	}
	if owner, known := host.OwnerOf(info); known && strconv.FormatInt(owner, 10) != p.uid {
		return
	}
	raw, err := host.ReadFile(r.h.FS(), file, maxPerfFile)
	if errors.Is(err, fs.ErrPermission) {
		r.deny("tmp/hsperfdata_*")
	}
	data, err := parsePerfData(raw)
	begin, dated := data.numbers[perfBegin]
	earlier := dated && !p.started.IsZero() && time.UnixMilli(begin).Before(p.started.Add(-10*time.Minute))
	if err != nil || earlier {
		return
	}
	p.perf = data
}

// fromPerf takes the arguments from the counters, for a virtual machine that another program than java started.
func (p *javaProcess) fromPerf() {
	p.arguments = parseJava(javaWords(p.perf.text(perfArgs), false), func(string) []string { return nil })
	p.arguments.classPath, p.arguments.classPathSet = p.perf.text(perfClassPath), true
	p.arguments.main, _, _ = strings.Cut(p.perf.text(perfCommand), " ")
	if jar.Named(p.arguments.main) {
		p.arguments.jar = p.arguments.main
	}
}

// javaHome is the home of the Java that libjvm.so belongs to: it is in lib/server, in older ones in lib/<arch>/server.
func javaHome(library string) string {
	home := path.Dir(path.Dir(library)) // without the kind of virtual machine: server, client, zero
	if library == "" || home == "/" {
		return ""
	}
	if path.Base(home) != "lib" {
		home = path.Dir(home)
	}
	return path.Dir(home)
}

// readOwn reads a file that the process names, if its account may: anybody can start a virtual machine that names what only
// the administrator reads.
func (p *javaProcess) readOwn(r *javaRound, name string) ([]byte, error) {
	inside, err := p.tree.resolve(r.h, p.absolute(name))
	if err != nil {
		return nil, err
	}
	file, info, err := openRegular(r.h, path.Join(p.tree.root, inside))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	uid := int64(-1)
	if n := number(p.uid); n != nil {
		uid = *n
	}
	if info.Size() > smallFile || uid != 0 && !readableBy(uid, info) {
		return nil, fs.ErrPermission
	}
	return io.ReadAll(io.LimitReader(file, smallFile))
}

// absolute completes a path of the process's with its working folder; empty when that is not known.
func (p *javaProcess) absolute(name string) string {
	switch {
	case path.IsAbs(name):
		return path.Clean(name)
	case p.work == "" || name == "":
		return ""
	}
	return path.Join(p.work, name)
}

// row makes the fact of a process. The start is told to the second and moves when somebody sets the clock; the id is made
// of what does not.
func (p *javaProcess) row(r *javaRound, id string) (*inventoryv1.Jvm, error) {
	uses, err := p.archives(r)
	if err != nil {
		return nil, err
	}
	mergeUses(r.uses, uses)
	release := javaRelease(r.h, p.tree, p.home)
	state := javaRunning
	row := &inventoryv1.Jvm{
		VmId: &id, State: &state, StartTime: datetime(p.started), Pid: integer(p.pid), User: fact(p.user),
		HostName:    fact(javaHostName(r.h, p.tree)),
		JavaVersion: fact(cmp.Or(p.perf.text(perfVersion), release["JAVA_VERSION"], p.perf.text(perfVM))),
		JavaVendor:  fact(cmp.Or(release["IMPLEMENTOR"], p.perf.text(perfVendor))),
		JavaHome:    fact(p.home), MainMethod: fact(p.arguments.main), ContainerId: fact(p.tree.container),
		Archives: javaArchives(uses),
	}
	for _, arg := range maskArguments(slices.Concat(p.arguments.vm, p.last)) {
		row.JvmArgs = append(row.JvmArgs, clean(arg))
	}
	row.Tags, row.AppEnv = p.tags(r)
	return row, nil
}
