// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/jar"
)

// Limits of what one virtual machine may name.
const (
	maxJavaFiles = 65_536 // open files of a process
	maxJavaUses  = 10_000 // archives
)

// javaDeleted is what the kernel appends to the name of a file that was removed while it is in use.
const javaDeleted = " (deleted)"

// archives finds the archives that the process has open or mapped, and those that it was told of: on its class path and
// module path, as agents, and through the manifests of these. Those of Java itself are left out.
func (p *javaProcess) archives(r *javaRound) (map[string]javaUse, error) {
	c := javaCollector{r: r, p: p, uses: map[string]javaUse{}}
	for _, target := range p.mapped {
		c.open(target, "")
	}
	folder := p.folder + "/fd"
	entries, err := fs.ReadDir(r.h.FS(), folder)
	if errors.Is(err, fs.ErrPermission) {
		r.deny("proc/*/fd")
	}
	for _, e := range entries[:min(len(entries), maxJavaFiles)] {
		target, err := fs.ReadLink(r.h.FS(), folder+"/"+e.Name())
		if err == nil {
			c.open(target, folder+"/"+e.Name())
		}
	}
	for _, list := range c.lists() {
		for item := range strings.SplitSeq(list, ":") {
			c.item(item)
		}
	}
	for _, file := range p.arguments.agents {
		c.configured(p.absolute(file))
	}
	for _, list := range p.arguments.modules {
		for item := range strings.SplitSeq(list, ":") {
			c.item(path.Join(item, "*"))
			c.configured(p.absolute(item))
		}
	}
	return c.uses, c.err
}

// javaCollector gathers the archives of one process.
type javaCollector struct {
	r    *javaRound
	p    *javaProcess
	uses map[string]javaUse
	err  error
}

// lists returns the class paths of the process. A jar that was started takes the place of all others.
func (c *javaCollector) lists() []string {
	a := c.p.arguments
	lists := a.boot
	switch {
	case a.jar != "":
		return append(lists, a.jar)
	case a.classPathSet:
		return append(lists, a.classPath)
	}
	return append(lists, c.p.environment["CLASSPATH"])
}

// item takes one element of a class path: an archive, or all archives of a folder where it ends with an asterisk. A
// folder of classes holds no archives.
func (c *javaCollector) item(item string) {
	folder, ok := strings.CutSuffix(item, "*")
	if !ok || folder != "" && !strings.HasSuffix(folder, "/") {
		c.configured(c.p.absolute(item))
		return
	}
	if folder = c.p.absolute(cmp.Or(folder, ".")); folder == "" {
		return
	}
	inside, err := c.p.tree.resolve(c.r.h, folder)
	if err != nil {
		c.denied(folder, err)
		return
	}
	entries, err := fs.ReadDir(c.r.h.FS(), path.Join(c.p.tree.root, inside))
	c.denied(inside, err)
	for _, e := range entries {
		if jar.Type(e.Name()) == "jar" {
			c.configured("/" + path.Join(inside, e.Name()))
		}
	}
}

// open takes a file that the process holds, if it is called like an archive. One that was removed, or that cannot be
// found under its name, is read through the process's own handle.
func (c *javaCollector) open(target, handle string) {
	name, deleted := strings.CutSuffix(target, javaDeleted)
	if !strings.HasPrefix(name, "/") || !jar.Named(name) || c.belongsToJava(name) {
		return
	}
	if deleted {
		if handle != "" {
			c.add(javaUse{name: handle, path: c.shown(target), evidence: javaOpen})
		}
		return
	}
	file, shown, err := c.p.tree.locate(c.r.h, name)
	switch {
	case err == nil:
		c.add(javaUse{name: file, path: shown, evidence: javaOpen})
	case handle != "":
		c.add(javaUse{name: handle, path: c.shown(name), evidence: javaOpen})
	}
}

// shown spells a path that cannot be looked up.
func (c *javaCollector) shown(name string) string {
	if id := c.p.tree.container; c.p.tree.root != "" && id != "" {
		return id[:12] + ":" + name
	}
	return name
}

// configured takes a file that the process was told of, and what its manifest adds to the class path.
func (c *javaCollector) configured(name string) {
	if name == "" || c.err != nil || len(c.uses) >= maxJavaUses {
		return
	}
	file, shown, err := c.p.tree.locate(c.r.h, name)
	if err != nil {
		c.denied(name, err)
		return
	}
	real, _ := c.p.tree.resolve(c.r.h, name) // it was just resolved
	if c.belongsToJava(name) || c.belongsToJava("/"+real) {
		return
	}
	if _, known := c.uses[shown]; known && c.uses[shown].evidence == javaClassPath {
		return
	}
	for _, address := range c.add(javaUse{name: file, path: shown, evidence: javaClassPath}).ClassPath {
		c.configured(relativeTo("/"+real, address))
	}
}

// relativeTo resolves an address of a manifest against the archive that it is in; empty for one that is no file.
//
// Source: the JAR File Specification, "Class-Path Attribute".
func relativeTo(archive, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host != "" || u.Scheme != "" && u.Scheme != "file" {
		return ""
	}
	if path.IsAbs(u.Path) {
		return path.Clean(u.Path)
	}
	if u.Path == "" {
		return ""
	}
	return path.Join(path.Dir(archive), u.Path)
}

// add books a use of what is an archive; that it is open says more than that it is configured.
func (c *javaCollector) add(use javaUse) jar.Archive {
	a, err := c.r.archive(use.name, use.path)
	if err != nil {
		c.err = err
	}
	if len(a.Components) == 0 {
		return jar.Archive{}
	}
	if c.uses[use.path].evidence != javaOpen {
		c.uses[use.path] = use
	}
	return a
}

// belongsToJava tells whether a file is a part of the Java that runs.
func (c *javaCollector) belongsToJava(name string) bool {
	for _, home := range []string{c.p.home, javaHome(c.p.library)} {
		if path.Base(home) == "jre" {
			home = path.Dir(home)
		}
		if home != "" && home != "/" && strings.HasPrefix(name, home+"/") {
			return true
		}
	}
	return false
}

// denied notes what privilege hides; what is not there is nothing to note.
func (c *javaCollector) denied(name string, err error) {
	if errors.Is(err, fs.ErrPermission) {
		c.r.deny(strings.TrimPrefix(name, "/"))
	}
}

// mergeUses adds uses of others, of which those that are open win.
func mergeUses(all, more map[string]javaUse) {
	more = maps.Clone(more)
	maps.DeleteFunc(more, func(p string, _ javaUse) bool { return all[p].evidence == javaOpen })
	maps.Copy(all, more)
}
