// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// refusing is a file system that answers with an error for everything below a folder.
type refusing struct {
	fs.FS
	folder string
	err    error
}

func (r refusing) check(op, name string) error {
	if name == r.folder || strings.HasPrefix(name, r.folder+"/") {
		return &fs.PathError{Op: op, Path: name, Err: r.err}
	}
	return nil
}

func (r refusing) Open(name string) (fs.File, error) {
	if err := r.check("open", name); err != nil {
		return nil, err
	}
	return r.FS.Open(name)
}

func (r refusing) Stat(name string) (fs.FileInfo, error) {
	if err := r.check("stat", name); err != nil {
		return nil, err
	}
	return fs.Stat(r.FS, name)
}

func TestFindKnowsAlternativesAndWildcards(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"home/a/.x/lib/f": text(""), "home/b/.y/2/lib/f": text(""), "home/note": text(""), "root/.x/lib/f": text(""),
		"opt/b/lib/f": text(""), "opt/a/lib/f": text(""),
	}
	tests := []struct {
		name     string
		patterns []string
		want     []string
	}{
		{"names in order", []string{"opt/*/lib"}, []string{"opt/a/lib", "opt/b/lib"}},
		{"alternatives", []string{"{root,home/*}/.x/lib"}, []string{"root/.x/lib", "home/a/.x/lib"}},
		{"alternatives in alternatives", []string{"{home/*/{.x,.y/*},root/.x}/lib"}, []string{"home/a/.x/lib", "root/.x/lib", "home/b/.y/2/lib"}},
		{"an empty alternative", []string{"opt/a/lib/f{,.gz}"}, []string{"opt/a/lib/f"}},
		{"each once", []string{"opt/a/*", "opt/*/lib"}, []string{"opt/a/lib", "opt/b/lib"}},
		{"nothing there", []string{"usr/*/lib", "home/*/z"}, nil},
		{"an open brace", []string{"opt/{a/lib"}, nil},
	}
	for _, tt := range tests {
		f := newFinder(&hosttest.Machine{Files: files})
		if got := f.find(tt.patterns...); !slices.Equal(got, tt.want) || f.gap.err() != nil || f.errs != nil {
			t.Errorf("%s: got %q %v, want %q", tt.name, got, f.errs, tt.want)
		}
	}
}

func TestFindGoesIntoFoldersBeforeLinksToThem(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "lib/python3.11"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("python3.11", filepath.Join(root, "lib/python3.1")); err != nil {
		t.Fatal(err)
	}
	f := newFinder(host.At(root))
	if got := f.find("lib/*"); !slices.Equal(got, []string{"lib/python3.11"}) {
		t.Errorf("got %q", got)
	}
}

func TestOneClosedFolderDoesNotCostTheRest(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"home/a/.local/lib/python3.11/site-packages/x-1.dist-info/METADATA": text("Name: x\nVersion: 1\n"),
		"home/b/.local/lib/python3.11/site-packages/y-1.dist-info/METADATA": text("Name: y\nVersion: 1\n"),
	}
	for _, folder := range []string{"home/b", "home/b/.local/lib", "home/b/.local/lib/python3.11/site-packages/y-1.dist-info"} {
		snap, err := gather(t, "python_packages", &hosttest.Machine{Files: refusing{files, folder, fs.ErrPermission}})
		if !errors.Is(err, fs.ErrPermission) || len(snap.PythonPackages) != 1 || !strings.HasSuffix(err.Error(), ": /home/b") {
			t.Errorf("%s: %d packages, %v", folder, len(snap.PythonPackages), err)
		}
	}
	_, err := gather(t, "python_packages", &hosttest.Machine{Files: refusing{files, "home/b", syscall.EIO}})
	if !errors.Is(err, syscall.EIO) || errors.As(err, new(*unreadable)) {
		t.Errorf("a broken folder: got %v, want EIO so that the section is kept", err)
	}
}

func TestAnUnchangedFileIsNotParsedAgain(t *testing.T) {
	t.Parallel()
	old := &fstest.MapFile{Data: []byte("Name: x\nVersion: 1\n"), ModTime: time.Now().Add(-time.Hour)}
	files := fstest.MapFS{"usr/lib/python3/dist-packages/x.egg-info": old}
	c, m := here()["python_packages"], &memo{}
	var rows []any
	for range 2 {
		snap, err := gatherWithMemo(c, &hosttest.Machine{Files: files}, m)
		if err != nil || len(snap.PythonPackages) != 1 {
			t.Fatalf("%d packages, %v", len(snap.PythonPackages), err)
		}
		rows = append(rows, snap.PythonPackages[0])
	}
	if rows[0] != rows[1] {
		t.Error("the row was made again")
	}
}

// gatherWithMemo runs a round of a collector that remembers files.
func gatherWithMemo(c Collector, h host.Host, m *memo) (*inventoryv1.Snapshot, error) {
	snap := &inventoryv1.Snapshot{}
	err := c.CollectFiles(context.Background(), h, m, snap)
	m.sweep()
	return snap, err
}

// written gives a file the time of its installation in these tests, 2023-11-14T22:13:20.
func written(f *fstest.MapFile) *fstest.MapFile {
	f.ModTime = time.Unix(1700000000, 0)
	return f
}

// expectRows compares rows, one a line, and that two collections of the same files are the same.
func expectRows(t *testing.T, name, got, want string) {
	t.Helper()
	if got, want = strings.TrimSpace(got), strings.TrimSpace(want); got != want {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, want)
	}
}
