// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestOneAgentPerFolder(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	first, second := open(t, path), open(t, path)
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := second.Lock(); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: got %v, want ErrLocked", err)
	}
	if pid, err := second.Holder(); err == nil {
		t.Errorf("holder before the announcement: got %d", pid)
	}
	if err := first.Announce(); err != nil {
		t.Fatal(err)
	}
	if pid, err := second.Holder(); err != nil || pid != os.Getpid() {
		t.Errorf("holder: got %d, %v, want %d", pid, err, os.Getpid())
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Lock(); err != nil {
		t.Errorf("lock after the holder left: %v", err)
	}
}

func TestACrashLeavesTheOldFileOrTheNewOne(t *testing.T) {
	t.Parallel()
	errCrash := errors.New("crash")
	for _, step := range []string{"create", "write", "sync", "rename", "syncdir"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			d := open(t, t.TempDir())
			if err := d.Write("f", []byte("old content")); err != nil {
				t.Fatal(err)
			}
			d.Fault = func(at, _ string) error {
				if at == step {
					return errCrash
				}
				return nil
			}
			if err := d.Write("f", []byte("new content")); !errors.Is(err, errCrash) {
				t.Fatalf("got %v, want the crash", err)
			}
			want := "old content"
			if step == "syncdir" {
				want = "new content"
			}
			got, err := open(t, d.Path()).Read("f", 100)
			if err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
			d.Fault = nil
			if err := d.Write("f", []byte("later")); err != nil {
				t.Errorf("write after the crash: %v", err)
			}
		})
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir()+"/new")
	if err := d.WriteSoft("sub/f", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, "/sub": 0o700, "/sub/f": 0o600} {
		got, err := os.Stat(d.Path() + name)
		if err != nil || got.Mode().Perm() != want {
			t.Errorf("mode of %q: got %v, %v, want %v", name, got.Mode().Perm(), err, want)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	if _, err := d.Read("absent", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: got %v", err)
	}
	if err := d.Write("f", []byte("12345")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read("f", 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large file: got %v, want ErrTooLarge", err)
	}
	if err := errors.Join(d.Remove("f"), d.Remove("f")); err != nil {
		t.Errorf("removing twice: %v", err)
	}
}

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
