// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// javaPerfPlaces are the folders in which virtual machines keep their counters: the temporary folders of users.
var javaPerfPlaces = []string{
	"private/var/folders/*/*/T/hsperfdata_*", "private/tmp/hsperfdata_*", "var/folders/*/*/T/hsperfdata_*", "tmp/hsperfdata_*",
	"Users/*/AppData/Local/Temp/hsperfdata_*", "Windows/Temp/hsperfdata_*",
	"Windows/{System32/config/systemprofile,ServiceProfiles/*}/AppData/Local/Temp/hsperfdata_*",
}

// javaPerfFolders describes virtual machines by the counters they keep, for systems whose processes no file tells of. What
// a killed one left behind cannot be told from a running one until the machine starts anew or the same user starts another;
// therefore no state is told.
func javaPerfFolders(r *javaRound) ([]*inventoryv1.Jvm, error) {
	var booted time.Time
	if v, err := r.h.Vitals(r.ctx); err == nil {
		booted = v.BootTime
	}
	f := newFinder(r.h)
	var rows []*inventoryv1.Jvm
	for _, folder := range f.find(javaPerfPlaces...) {
		_, user, _ := strings.Cut(path.Base(folder), "_")
		for _, e := range f.list(folder) {
			pid, err := strconv.ParseInt(e.Name(), 10, 64)
			if err != nil || pid <= 0 {
				continue
			}
			raw := f.read(path.Join(folder, e.Name()), maxPerfFile)
			data, err := parsePerfData(raw)
			milliseconds, dated := data.numbers[perfBegin]
			begin := time.UnixMilli(milliseconds)
			if err != nil || !dated || !booted.IsZero() && begin.Before(booted) {
				continue
			}
			p := &javaProcess{pid: pid, user: user, perf: data, home: slashed(r.h, data.text(perfHome)), started: begin}
			row, err := p.perfRow(r, e.Name())
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	r.gap.paths = append(r.gap.paths, f.gap.paths...)
	return rows, errors.Join(f.errs...)
}

// perfRow is row for a process of which only the counters are known.
func (p *javaProcess) perfRow(r *javaRound, pid string) (*inventoryv1.Jvm, error) {
	p.fromPerf()
	c := javaCollector{r: r, p: p, uses: map[string]javaUse{}}
	list := cmp.Or(p.arguments.jar, p.arguments.classPath)
	separator := ":"
	if r.h.Registry() != nil {
		separator = ";"
	}
	for item := range strings.SplitSeq(list, separator) {
		c.item(slashed(r.h, item))
	}
	if c.err != nil {
		return nil, c.err
	}
	mergeUses(r.uses, c.uses)
	release := javaRelease(r.h, p.tree, p.home)
	id := r.id(pid, strconv.FormatInt(p.perf.numbers[perfBegin], 10))
	row := &inventoryv1.Jvm{
		VmId: &id, StartTime: datetime(p.started), Pid: integer(p.pid), User: fact(p.user),
		JavaVersion: fact(cmp.Or(p.perf.text(perfVersion), release["JAVA_VERSION"], p.perf.text(perfVM))),
		JavaVendor:  fact(cmp.Or(release["IMPLEMENTOR"], p.perf.text(perfVendor))),
		JavaHome:    fact(p.perf.text(perfHome)), MainMethod: fact(p.arguments.main), Archives: javaArchives(c.uses),
	}
	for _, arg := range maskArguments(p.arguments.vm) {
		row.JvmArgs = append(row.JvmArgs, clean(arg))
	}
	row.Tags, row.AppEnv = p.tags(r)
	return row, nil
}

// drive is the begin of an absolute path of Windows.
var drive = regexp.MustCompile(`^[A-Za-z]:`)

// slashed writes a path of Windows as host.FS does: with slashes, without the drive. It is empty for another drive than
// the system's, which is not looked at. Paths of other systems stay as they are.
func slashed(h host.Host, name string) string {
	registry := h.Registry()
	if registry == nil {
		return name
	}
	if on := drive.FindString(name); on != "" && !strings.EqualFold(on, systemDrive(registry)) {
		return ""
	}
	return strings.ReplaceAll(drive.ReplaceAllString(name, ""), `\`, "/")
}
