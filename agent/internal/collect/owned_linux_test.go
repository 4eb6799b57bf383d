// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// ownedBy gives a file to an account.
func ownedBy(uid uint32, mode fs.FileMode, f *fstest.MapFile) *fstest.MapFile {
	f.Mode, f.Sys = f.Mode.Type()|mode, &syscall.Stat_t{Uid: uid}
	return f
}

func TestHomesShowOnlyWhatTheirOwnersMayRead(t *testing.T) {
	t.Parallel()
	const file = "home/alice/.local/lib/python3.11/site-packages/x-1.dist-info/METADATA"
	metadata := func() *fstest.MapFile { return text("Name: x\nVersion: 1\n") }
	tests := []struct {
		name  string
		files fstest.MapFS
		rows  int
	}{
		{"her own", fstest.MapFS{file: ownedBy(1000, 0o600, metadata())}, 1},
		{"everybody's", fstest.MapFS{file: ownedBy(0, 0o644, metadata())}, 1},
		{"the administrator's", fstest.MapFS{file: ownedBy(0, 0o600, metadata())}, 0},
		{"a link to the administrator's", fstest.MapFS{file: link("/root/x"), "root/x": ownedBy(0, 0o640, metadata())}, 0},
	}
	for _, tt := range tests {
		files := with(tt.files, fstest.MapFS{"home/alice": ownedBy(1000, 0o755, &fstest.MapFile{Mode: fs.ModeDir})})
		if f := files[file]; f.Mode&fs.ModeSymlink != 0 {
			f.Data = []byte("../../../../../../../root/x") // as MapFS follows it
		}
		snap, err := gather(t, "python_packages", &hosttest.Machine{Files: files})
		if len(snap.PythonPackages) != tt.rows || tt.rows > 0 && err != nil {
			t.Errorf("%s: got %d packages, %v, want %d", tt.name, len(snap.PythonPackages), err, tt.rows)
		}
	}
}

func TestJavaReadsForItsAccountOnly(t *testing.T) {
	t.Parallel()
	p := procfs{pid: "12", mnt: "1", ticks: "1", maps: libjvm, args: []string{"java", "@/etc/list", "com.example.Main"}}
	tests := []struct {
		name string
		list *fstest.MapFile
		perf uint32
		want string
	}{
		{"its own", ownedBy(1000, 0o600, text("-Da=b")), 1000, "com.example.Main Vendor -Da=b"},
		{"everybody's", ownedBy(0, 0o644, text("-Da=b")), 1000, "com.example.Main Vendor -Da=b"},
		{"the administrator's", ownedBy(0, 0o640, text("root:$6$salt$hash:1::")), 1000, "com.example.Main Vendor "},
		{"with counters of somebody else", ownedBy(0, 0o644, text("")), 1001, "com.example.Main Eclipse Adoptium "},
	}
	for _, tt := range tests {
		files := with(kernel(), p.files(), fstest.MapFS{
			"etc/list":             tt.list,
			"tmp/hsperfdata_app/7": ownedBy(tt.perf, 0o600, &fstest.MapFile{Data: perfFile("java.property.java.vm.vendor", "Vendor")}),
		})
		delete(files, "opt/jdk/release")
		if tt.perf == 1001 {
			files["opt/jdk/release"] = kernel()["opt/jdk/release"]
		}
		rows, _, err := jvms(t, files)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%s: got %v, %v", tt.name, rows, err)
		}
		if got := fmt.Sprint(rows[0].GetMainMethod(), " ", rows[0].GetJavaVendor(), " ", strings.Join(rows[0].GetJvmArgs(), " ")); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// unreadableFile is a file system with one file on a part of the disk that is broken.
type unreadableFile struct {
	fstest.MapFS
	name string
}

func (u unreadableFile) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	return u.MapFS.Open(name)
}

func TestOneBrokenArchiveDoesNotCostTheRest(t *testing.T) {
	t.Parallel()
	files := with(kernel(), fstest.MapFS{"srv/a.jar": archive(t, "a", "1", ""), "srv/b.jar": archive(t, "b", "2", "")})
	rows, components, err := jvms(t, unreadableFile{files, "srv/a.jar"})
	if len(rows) != 1 || len(components) != 1 || !errors.Is(err, syscall.EIO) || !errors.As(err, new(*partial)) {
		t.Errorf("got %d rows, %d components, %v", len(rows), len(components), err)
	}
}

// TestAFileForAFolderCostsItselfAlone is about what people put where a folder of theirs is expected.
func TestAFileForAFolderCostsItselfAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"Users/a/Library/LaunchAgents", "Users/a/Applications", "Applications/x"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("Desktop", filepath.Join(dir, "Users/a/Desktop")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"services", "osx_app_instances"} {
		if _, err := gatherOn(t, "darwin", name, &hosttest.Machine{Files: host.At(dir).FS()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
