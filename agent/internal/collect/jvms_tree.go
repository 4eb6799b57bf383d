// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// javaTree is the file tree of a process; the zero javaTree is the machine's.
type javaTree struct {
	// root is the folder in host.FS that the process has for its root: "" or proc/<pid>/root.
	root string
	// container is the id of the container that it is in.
	container string
}

// maxLinks is how many links are followed before a path counts as a loop, as Linux does.
const maxLinks = 40

var errLinks = errors.New("too many links")

// resolve follows the links of an absolute path inside the tree, which the system would follow in ours. It returns the
// path without links, relative to the root of the tree.
func (t javaTree) resolve(h host.Host, name string) (string, error) {
	rest := strings.Split(name, "/")
	current := ""
	links := 0
	for len(rest) > 0 {
		element := rest[0]
		rest = rest[1:]
		if element == "" || element == "." {
			continue
		}
		if element == ".." {
			current = strings.TrimPrefix(path.Dir("/"+current), "/")
			continue
		}
		next := path.Join(current, element)
		info, err := fs.Lstat(h.FS(), path.Join(t.root, next))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			current = next
			continue
		}
		if links++; links > maxLinks {
			return "", errLinks
		}
		target, err := fs.ReadLink(h.FS(), path.Join(t.root, next))
		if err != nil {
			return "", err
		}
		target = strings.ReplaceAll(target, `\`, "/")
		if strings.HasPrefix(target, "/") {
			current = ""
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return current, nil
}

// locate returns where a file of the tree is in host.FS, its links followed, and how its path is shown.
func (t javaTree) locate(h host.Host, name string) (file, shown string, err error) {
	inside, err := t.resolve(h, name)
	if err != nil {
		return "", "", err
	}
	file = path.Join(t.root, inside)
	switch {
	case t.root == "":
		return file, spelling(h)(inside), nil
	case t.container != "":
		return file, t.container[:min(12, len(t.container))] + ":/" + inside, nil
	case sameFile(h, file, inside):
		return inside, "/" + inside, nil
	}
	return file, "/" + file, nil
}

// sameFile tells whether two names are of one file.
func sameFile(h host.Host, a, b string) bool {
	one, err := fs.Stat(h.FS(), a)
	if err != nil {
		return false
	}
	two, err := fs.Stat(h.FS(), b)
	return err == nil && os.SameFile(one, two)
}

// read reads a regular file of the tree.
func (t javaTree) read(h host.Host, name string, limit int64) ([]byte, error) {
	inside, err := t.resolve(h, name)
	if err != nil {
		return nil, err
	}
	return readRegular(h, path.Join(t.root, inside), limit)
}

// readRegular reads a file unless it is a pipe or a device, which would never answer.
func readRegular(h host.Host, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(h.FS(), name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	return host.ReadFile(h.FS(), name, limit)
}

// account returns name and home of a user of the tree, empty for one that its passwd lacks.
func (t javaTree) account(h host.Host, uid string) (name, home string) {
	raw, err := t.read(h, "/etc/passwd", smallFile)
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 7 && f[2] == uid {
			return f[0], f[5]
		}
	}
	return "", ""
}

// perfFile returns where the virtual machine with this id inside the tree keeps its counters, and whose folder that is.
//
// Source: the file's place is fixed, see os::get_temp_directory and get_user_tmp_dir of HotSpot.
func (t javaTree) perfFile(h host.Host, pid int64) (file, user string) {
	entries, err := fs.ReadDir(h.FS(), path.Join(t.root, "tmp"))
	if err != nil {
		return "", ""
	}
	for _, e := range entries {
		owner, ok := strings.CutPrefix(e.Name(), "hsperfdata_")
		if !ok || !e.IsDir() {
			continue
		}
		file := path.Join(t.root, "tmp", e.Name(), strconv.FormatInt(pid, 10))
		if info, err := fs.Lstat(h.FS(), file); err == nil && info.Mode().IsRegular() {
			return file, owner
		}
	}
	return "", ""
}
