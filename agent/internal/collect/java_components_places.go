// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/jar"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// javaPlaces are the folders that programs in Java are installed in, as patterns, and how deep below them archives are
// looked for. Whole disks are not searched.
var javaPlaces = []struct {
	pattern string
	depth   int
}{
	// Linux, and macOS where it has the same folders
	{"usr/share/java", 3},
	{"usr/local/share/java", 3},
	{"usr/share/{tomcat*,jetty*,jenkins,maven*,ant,gradle,activemq*,cassandra,elasticsearch,opensearch,logstash,kafka}", 5},
	{"usr/lib/jenkins", 2},
	{"var/lib/{tomcat*,jetty*,wildfly*}", 6},
	{"var/lib/jenkins/{plugins,war}", 4},
	{"opt", 7},
	{"srv", 6},
	// macOS
	{"Library/{Java/Extensions,Tomcat}", 4},
	{"opt/homebrew/Cellar/{tomcat*,jetty*,maven,gradle,jenkins*,kafka,elasticsearch*}", 7},
	{"usr/local/Cellar/{tomcat*,jetty*,maven,gradle,jenkins*,kafka,elasticsearch*}", 7},
	{"Applications/*.app/Contents/{Java,app,Resources/Java}", 3},
	// Windows
	{"Program Files/{Apache Software Foundation,Jenkins,Elastic,Atlassian}", 6},
	{"Program Files/*/{lib,webapps}", 4},
}

// Limits of the search. What is beyond them stays unknown unless a virtual machine uses it.
const (
	maxPlaceEntries = 50_000 // names looked at below one folder of the patterns
	maxPlaceFound   = 5_000  // archives in all places
)

// placesToSkip hold no installed programs but much else.
var placesToSkip = []string{"node_modules", ".git", "lost+found", "proc", "sys", "containerd", "docker", "homebrew", ".m2", ".gradle"}

// places adds the archives in the places where programs are installed, each file once. What they find is used by nobody
// as far as we know.
func (r *javaRound) places() error {
	f := newFinder(r.h)
	s := placeSearch{r: r, known: map[string]bool{}, remote: r.remoteMounts()}
	for _, use := range r.uses {
		s.known[use.name] = true
	}
	for _, place := range javaPlaces {
		for _, folder := range f.find(place.pattern) {
			s.left = maxPlaceEntries
			if err := s.walk(folder, place.depth); err != nil {
				return err
			}
		}
	}
	r.gap.paths = append(r.gap.paths, f.gap.paths...)
	return errors.Join(f.errs...)
}

// placeSearch is the search through one place.
type placeSearch struct {
	r      *javaRound
	known  map[string]bool // files by name in host.FS
	remote []string
	left   int // names that may still be looked at
	found  int
}

// remoteMounts lists where other machines' files are mounted: they are those machines' to tell of, and may not answer.
func (r *javaRound) remoteMounts() []string {
	mounts, err := r.h.Mounts(r.ctx)
	if err != nil {
		return nil
	}
	var paths []string
	for _, m := range mounts {
		if slices.Contains(networkTypes, m.Type) || strings.HasPrefix(m.Type, "fuse.") || m.Type == "autofs" {
			paths = append(paths, strings.TrimPrefix(m.Path, "/"))
		}
	}
	return paths
}

// walk looks for archives in a folder and so many levels below. Links to folders are not followed; a Java's own folder is
// left out.
func (s *placeSearch) walk(folder string, depth int) error {
	if slices.Contains(s.remote, folder) || s.left <= 0 {
		return nil
	}
	entries, err := fs.ReadDir(s.r.h.FS(), folder)
	switch {
	case errors.Is(err, fs.ErrPermission):
		s.r.deny(folder)
		return nil
	case err != nil:
		return nil //nolint:nilerr // it went away, or is no folder
	}
	if isJavaHome(s.r.h, folder, entries) {
		return nil
	}
	s.left -= len(entries)
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		switch {
		case e.IsDir() && depth > 0 && !slices.Contains(placesToSkip, e.Name()):
			err = s.walk(name, depth-1)
		case !e.IsDir() && jar.Named(e.Name()):
			err = s.add(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isJavaHome tells whether a folder holds a Java, whose archives are its own.
func isJavaHome(h host.Host, folder string, entries []fs.DirEntry) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	if !has("lib") && !has("jre") {
		return false
	}
	for _, sign := range []string{"lib/modules", "lib/jrt-fs.jar", "lib/rt.jar", "jre/lib/rt.jar"} {
		if exists(h, path.Join(folder, sign)) {
			return true
		}
	}
	return false
}

// add books an archive under the name of the file itself, whatever links lead to it.
func (s *placeSearch) add(name string) error {
	file, shown, err := (javaTree{}).locate(s.r.h, "/"+name)
	if err != nil || s.known[file] || s.found >= maxPlaceFound {
		return nil //nolint:nilerr // a link to nothing
	}
	s.known[file] = true
	if _, used := s.r.uses[shown]; used {
		return nil
	}
	a, err := s.r.archive(file, shown)
	if err != nil {
		return err
	}
	if len(a.Components) > 0 {
		s.found++
		s.r.uses[shown] = javaUse{name: file, path: shown}
	}
	return nil
}
