// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

var (
	captureTo = flag.String("capture", "", "run the collectors on this machine, and write the files that they look at to this archive")
	leaveOut  = flag.String("capture-without", "proc,etc/shadow,etc/gshadow", "what an archive leaves out, with everything below it")
)

// largestCaptured is the largest file that an archive holds; what is larger is there by name and time alone.
const largestCaptured = 2 << 20

// watched is a file tree that remembers what it is asked for: true for a file that was opened, false for a mere name.
type watched struct {
	fs.FS
	mu    sync.Mutex
	names map[string]bool
}

// watchedHost is a machine with a watched tree.
type watchedHost struct {
	host.Host
	tree *watched
}

func (h watchedHost) FS() fs.FS { return h.tree }

func (w *watched) note(name string, opened bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[name] = w.names[name] || opened
}

func (w *watched) Open(name string) (fs.File, error) {
	w.note(name, true)
	return w.FS.Open(name)
}

func (w *watched) Stat(name string) (fs.FileInfo, error) {
	w.note(name, false)
	return fs.Stat(w.FS, name)
}

func (w *watched) Lstat(name string) (fs.FileInfo, error) {
	w.note(name, false)
	return fs.Lstat(w.FS, name)
}

func (w *watched) ReadLink(name string) (string, error) {
	w.note(name, false)
	return fs.ReadLink(w.FS, name)
}

func (w *watched) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	w.note(name, false)
	for _, e := range entries {
		w.note(path.Join(name, e.Name()), false)
	}
	return entries, err
}

// TestCapture is no test: tools/capture.sh runs it in a tree of which it wants an archive.
func TestCapture(t *testing.T) {
	if *captureTo == "" {
		t.Skip("nothing to capture: -capture names no archive")
	}
	tree := &watched{FS: os.DirFS("/"), names: map[string]bool{}}
	for _, trouble := range Run(context.Background(), watchedHost{host.Local(), tree}, Options{}).Troubles {
		t.Logf("%s: %v", trouble.Collector, trouble.Err)
	}
	archive := capturing{entries: map[string]*tar.Header{}, contents: map[string][]byte{}}
	for name, opened := range tree.names {
		archive.add(name, opened, 0)
	}
	if err := os.WriteFile(*captureTo, archive.pack(t), 0o644); err != nil {
		t.Fatal(err)
	}
}

// capturing collects the entries of an archive.
type capturing struct {
	entries  map[string]*tar.Header
	contents map[string][]byte
}

// add takes a file in, together with the links on the way to it.
func (c *capturing) add(name string, opened bool, depth int) {
	parts := strings.Split(name, "/")
	for i := range parts {
		at := path.Join(parts[:i+1]...)
		if depth > 40 || slices.ContainsFunc(strings.Split(*leaveOut, ","), func(out string) bool { return under(at, out) }) {
			return
		}
		info, err := os.Lstat("/" + at)
		if err != nil {
			return
		}
		if info.Mode().Type() == fs.ModeSymlink {
			target, err := os.Readlink("/" + at)
			if err != nil {
				return
			}
			c.entries[at] = &tar.Header{Typeflag: tar.TypeSymlink, Name: at, Linkname: target, Mode: 0o777, ModTime: info.ModTime()}
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(at), target)
			}
			c.add(path.Join(append([]string{strings.TrimLeft(path.Clean(target), "/")}, parts[i+1:]...)...), opened, depth+1)
			return
		}
		if i == len(parts)-1 {
			c.addFile(at, info, opened)
		}
	}
}

// under tells whether a path is another one or lies below it.
func under(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func (c *capturing) addFile(name string, info fs.FileInfo, opened bool) {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime()}
	switch {
	case info.IsDir():
		header.Typeflag = tar.TypeDir
	case !info.Mode().IsRegular():
		return
	case opened && info.Size() <= largestCaptured:
		raw, err := os.ReadFile("/" + name)
		if err != nil {
			return
		}
		if end := []byte("### END INIT INFO\n"); under(name, initFolder) && bytes.Contains(raw, end) {
			raw = append(raw[:bytes.Index(raw, end)], end...) // what is said of the service, without the program
		}
		c.contents[name] = raw
	}
	header.Size = int64(len(c.contents[name]))
	c.entries[name] = header
}

// pack writes the archive, in the order of names.
func (c *capturing) pack(t *testing.T) []byte {
	var packed bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(c.entries)) {
		if err := files.WriteHeader(c.entries[name]); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(c.contents[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}
