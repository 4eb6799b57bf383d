// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestReadFileBelievesNoSize(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"fits": {Data: []byte("12345")}, "empty": {}, "large": {Data: make([]byte, 2000)}, "folder/x": {},
	}
	tests := []struct {
		name, file string
		want       int
		err        error
	}{
		{"as large as allowed", "fits", 5, nil},
		{"empty", "empty", 0, nil},
		{"too large", "large", 0, ErrTooLarge},
		{"missing", "none", 0, fs.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadFile(fsys, tt.file, 5)
			if len(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %d bytes, %v, want %d, %v", len(got), err, tt.want, tt.err)
			}
		})
	}
	if _, err := ReadFile(fsys, "folder", 5); err == nil {
		t.Error("a folder was read")
	}
	// a file that lies about its size, as those of /proc do
	if _, err := readUpTo(strings.NewReader(strings.Repeat("x", 4096)), "liar", 0, 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
}

func TestStampChangesWithTheFile(t *testing.T) {
	t.Parallel()
	old := time.Unix(1700000000, 0)
	before, err := StampOf(fstest.MapFS{"f": {Data: []byte("a"), ModTime: old}}, "f")
	if err != nil || !before.Before(old.Add(1)) || before.Before(old) {
		t.Fatalf("got %+v, %v", before, err)
	}
	for name, fsys := range map[string]fstest.MapFS{
		"size": {"f": {Data: []byte("ab"), ModTime: old}}, "time": {"f": {Data: []byte("b"), ModTime: old.Add(1)}}, "gone": {},
	} {
		if after, err := StampOf(fsys, "f"); err != nil || after == before {
			t.Errorf("%s: got %+v, %v", name, after, err)
		}
	}
}

func TestThisMachineAnswers(t *testing.T) {
	t.Parallel()
	m, ctx := Local(), context.Background()
	if u, err := m.Uname(); err != nil || u.Machine == "" {
		t.Errorf("uname: %+v, %v", u, err)
	}
	mounts, err := m.Mounts(ctx)
	sure := map[string]string{"linux": "/proc", "darwin": "/", "windows": "C:"}[runtime.GOOS] // "/" is none in a chroot
	if err != nil || !slices.ContainsFunc(mounts, func(m Mount) bool { return m.Path == sure }) {
		t.Errorf("mounts: %+v, %v", mounts, err)
	}
	if u, err := m.Usage(ctx, "/"); err != nil || u.SizeBytes <= 0 || u.FreeBytes > u.SizeBytes {
		t.Errorf("usage: %+v, %v", u, err)
	}
	if v, err := m.Vitals(ctx); err != nil || v.Uptime <= 0 || time.Since(v.BootTime) < 0 {
		t.Errorf("vitals: %+v, %v", v, err)
	}
	interfaces, err := m.Interfaces()
	if err != nil || !slices.ContainsFunc(interfaces, func(i Interface) bool {
		return i.Loopback && slices.ContainsFunc(i.Addresses, func(a Address) bool { return a.Prefix.String() == "127.0.0.1/8" })
	}) {
		t.Errorf("interfaces: %+v, %v", interfaces, err)
	}
}

// TestUsageAsksAMountOnceAtATime holds a question open, as a mount does whose server is gone.
func TestUsageAsksAMountOnceAtATime(t *testing.T) {
	t.Parallel()
	m := Local()
	open := &question{done: make(chan struct{}), usage: Usage{SizeBytes: 7}}
	m.questions["/gone"] = open
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Usage(ctx, "/gone"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(open.done)
	if u, err := m.Usage(context.Background(), "/gone"); err != nil || u.SizeBytes != 7 {
		t.Errorf("got %+v, %v", u, err)
	}
}

// TestOnlyCallsThatStartNoProgram reads this package: gopsutil has calls that start lsb_release and its kin.
func TestOnlyCallsThatStartNoProgram(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"github.com/shirou/gopsutil/v3/disk": {"PartitionsWithContext", "UsageWithContext"},
		"github.com/shirou/gopsutil/v3/host": {"BootTimeWithContext", "UptimeWithContext"},
		"github.com/shirou/gopsutil/v3/load": {"AvgWithContext"},
	}
	for _, pattern := range []string{"*.go", "../collect/*.go", "../collect/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || name == "mac_darwin.go" { // macOS has facts that only its programs tell
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			checkCalls(t, name, f, allowed)
		}
	}
}

// checkCalls fails on an import that starts programs and on a call of gopsutil that is not allowed.
func checkCalls(t *testing.T, name string, f *ast.File, allowed map[string][]string) {
	t.Helper()
	names := map[string]string{} // the file's name of a package → its path
	for _, imp := range f.Imports {
		path := strings.Trim(imp.Path.Value, `"`)
		if path == "os/exec" {
			t.Errorf("%s imports %s", name, path)
		}
		if !strings.Contains(path, "gopsutil") {
			continue
		}
		names[filepath.Base(path)] = path
		if imp.Name != nil {
			names[imp.Name.Name] = path
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && names[id.Name] != "" && !slices.Contains(allowed[names[id.Name]], sel.Sel.Name) {
			t.Errorf("%s calls %s of %s", name, sel.Sel.Name, names[id.Name])
		}
		return true
	})
}
