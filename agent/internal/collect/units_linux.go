// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// unitScope says who enables a unit by a link in one of his folders.
type unitScope int

// The scopes, the stronger the higher.
const (
	nobodys  unitScope = iota
	vendors            // comes with the package: started by others
	runtimes           // until the next start of the machine, and what generators make
	admins             // systemctl enable
)

// unitFolders are the places of units, the first that has one counts.
//
// Source: systemd.unit(5), UNIT FILE LOAD PATH.
var unitFolders = []struct {
	folder string
	scope  unitScope
}{
	{"etc/systemd/system.control", admins},
	{"run/systemd/system.control", runtimes},
	{"run/systemd/generator.early", runtimes},
	{"etc/systemd/system", admins},
	{"etc/systemd/system.attached", admins},
	{"run/systemd/system", runtimes},
	{"run/systemd/system.attached", runtimes},
	{"run/systemd/generator", runtimes},
	{"usr/local/lib/systemd/system", vendors},
	{"usr/lib/systemd/system", vendors},
	{"lib/systemd/system", vendors}, // before /lib became a link to /usr/lib
	{"run/systemd/generator.late", runtimes},
}

// maxUnits bounds the names of one folder.
const maxUnits = 20_000

// unitTree is what the folders of units hold. Files are read when somebody asks for their unit.
type unitTree struct {
	h       host.Host
	files   *memo
	denied  gap
	trouble []error
	// paths of files by unit; "" for one that is masked by a link.
	paths map[string]string
	// aliases leads from another name to the unit.
	aliases map[string]string
	// enabled has the strongest link that starts a unit, by its name or an alias of it.
	enabled map[string]unitScope
	// dropIns has the files of <unit>.d by the folder's name, then by their own.
	dropIns map[string]map[string]string
}

// findUnits looks through the folders.
func findUnits(h host.Host, files *memo) *unitTree {
	t := &unitTree{
		h: h, files: files, paths: map[string]string{}, aliases: map[string]string{}, enabled: map[string]unitScope{},
		dropIns: map[string]map[string]string{},
	}
	for _, place := range unitFolders {
		if _, err := fs.ReadLink(h.FS(), "lib"); err == nil && strings.HasPrefix(place.folder, "lib/") {
			continue
		}
		for _, e := range t.names(place.folder) {
			t.note(place.folder, place.scope, e)
		}
	}
	return t
}

// names lists a folder; nothing when it is not there.
func (t *unitTree) names(folder string) []fs.DirEntry {
	entries, err := fs.ReadDir(t.h.FS(), folder)
	if err = t.denied.allow(folder, err); err != nil {
		t.trouble = append(t.trouble, err)
	}
	return entries[:min(len(entries), maxUnits)]
}

// note books one name of a folder of units.
func (t *unitTree) note(folder string, scope unitScope, e fs.DirEntry) {
	name, file := e.Name(), folder+"/"+e.Name()
	switch path.Ext(name) {
	case ".wants", ".requires", ".upholds":
		for _, wanted := range t.names(file) {
			t.noteWanted(file, scope, wanted.Name())
		}
		return
	case ".d":
		t.noteDropIns(file, name)
		return
	case ".service", ".timer", ".socket", ".path":
	default:
		return
	}
	target, err := fs.ReadLink(t.h.FS(), file)
	switch base := path.Base(target); {
	case err == nil && target == "/dev/null":
		file = ""
	case err == nil && base != name && path.Ext(base) == path.Ext(name):
		if _, taken := t.paths[name]; !taken && t.aliases[name] == "" {
			t.aliases[name] = base
		}
		if scope > vendors {
			t.enabled[base] = max(t.enabled[base], scope)
		}
		return
	}
	if _, taken := t.paths[name]; !taken && t.aliases[name] == "" {
		t.paths[name] = file
	}
}

// noteWanted books one link of a folder <unit>.wants.
func (t *unitTree) noteWanted(folder string, scope unitScope, name string) {
	t.enabled[name] = max(t.enabled[name], scope)
	if template := templateOf(name); template != "" {
		if target, err := fs.ReadLink(t.h.FS(), folder+"/"+name); err == nil && path.Base(target) != template && templateOf(path.Base(target)) == "" {
			t.aliases[name] = path.Base(target)
		}
	}
}

// noteDropIns books the files of a folder <unit>.d; of two with one name the first counts.
func (t *unitTree) noteDropIns(folder, name string) {
	for _, e := range t.names(folder) {
		if path.Ext(e.Name()) != ".conf" {
			continue
		}
		if t.dropIns[name] == nil {
			t.dropIns[name] = map[string]string{}
		}
		if _, taken := t.dropIns[name][e.Name()]; !taken {
			t.dropIns[name][e.Name()] = folder + "/" + e.Name()
		}
	}
}

// units returns the names with a suffix that are neither templates nor other names of a unit, sorted; instances of
// templates that something starts are among them.
func (t *unitTree) units(suffix string) []string {
	found := map[string]bool{}
	for name := range t.paths {
		found[name] = strings.HasSuffix(name, suffix) && !strings.Contains(name, "@.")
	}
	for name := range t.enabled {
		if strings.HasSuffix(name, suffix) && templateOf(name) != "" && t.aliases[name] == "" {
			_, known := t.paths[t.unaliased(templateOf(name))]
			found[name] = found[name] || known
		}
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(found))
}

// templateOf returns getty@.service for getty@tty1.service, "" for a name without instance.
func templateOf(name string) string {
	base, suffix, _ := cutLast(name, ".")
	prefix, instance, ok := strings.Cut(base, "@")
	if !ok || instance == "" {
		return ""
	}
	return prefix + "@." + suffix
}

// unaliased follows other names to the unit.
func (t *unitTree) unaliased(name string) string {
	for range 8 {
		target, is := t.aliases[name]
		if !is {
			break
		}
		name = target
	}
	return name
}

// scope returns the strongest link that starts a unit, whichever of its names it has.
func (t *unitTree) scope(name string) unitScope {
	strongest := t.enabled[name]
	for alias := range t.aliases {
		if t.enabled[alias] > strongest && t.unaliased(alias) == name {
			strongest = t.enabled[alias]
		}
	}
	return strongest
}

// loadedUnit is a unit with what its file and drop-ins set.
type loadedUnit struct {
	name string
	// file is "" for a masked unit.
	file     string
	settings unitFile
	// hidden: the file may not be read.
	hidden bool
}

// load reads a unit; the zero loadedUnit but for the name is one that is masked or not there.
func (t *unitTree) load(name string) loadedUnit {
	u := loadedUnit{name: name}
	file, found := t.paths[name]
	template := t.unaliased(templateOf(name))
	if !found {
		file = t.paths[template]
	}
	if file == "" {
		return u
	}
	settings, ok := t.read(file)
	if info, err := fs.Stat(t.h.FS(), file); ok && err == nil && info.Size() == 0 {
		return u // an empty file masks too
	}
	u.file, u.settings, u.hidden = file, slices.Clone(settings), !ok
	parts := map[string]string{}
	for _, folder := range []string{strings.TrimPrefix(path.Ext(name), ".") + ".d", template + ".d", name + ".d"} {
		maps.Copy(parts, t.dropIns[folder])
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		more, _ := t.read(parts[part]) // what is refused is noted
		u.settings = append(u.settings, more...)
	}
	return u
}

// read parses one file, or remembers it. It tells whether it could.
func (t *unitTree) read(file string) (settings unitFile, ok bool) {
	settings, err := remember(t.files, t.h, file, func() (unitFile, error) {
		raw, err := host.ReadFile(t.h.FS(), file, smallFile)
		return parseUnitFile(string(raw)), err
	})
	ok = err == nil
	if err = t.denied.allow(file, err); err != nil {
		t.trouble = append(t.trouble, err)
	}
	return settings, ok
}

// startType says when a unit is started, in the words of systemctl list-unit-files: what is there called indirect or
// linked is disabled here, and enabled-runtime is enabled. It is "" for what only a file tells that may not be read.
func (t *unitTree) startType(u loadedUnit) string {
	if u.file == "" {
		return "masked"
	}
	installs := func(a assignment) bool { return strings.HasPrefix(a.key, "Install.") && a.value != "" }
	switch scope := t.scope(u.name); {
	case scope > vendors:
		return "enabled"
	case u.hidden:
		return ""
	case scope == vendors && templateOf(u.name) != "":
		return "static"
	case slices.ContainsFunc(u.settings, installs), strings.HasPrefix(u.file, "run/systemd/generator"):
		return "disabled"
	}
	return "static"
}
