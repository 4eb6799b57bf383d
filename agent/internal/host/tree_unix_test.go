// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"
)

func TestNobodyHoldsUpWhoeverLooks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"to-pipe": "pipe", "to-device": "/dev/null", "to-itself": "to-itself"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	machine := At(dir)
	for _, name := range []string{"pipe", "to-pipe", "to-device"} {
		done := make(chan error, 1)
		go func() {
			_, err := ReadFile(machine.FS(), name, 10)
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s: got %v, want %v", name, err, fs.ErrInvalid)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: still opening", name)
		}
	}
	if _, err := ReadFile(machine.FS(), "to-itself", 10); !errors.Is(err, unix.ELOOP) {
		t.Errorf("got %v, want %v", err, unix.ELOOP)
	}
}

func TestTreeIsAFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b/c", "a"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := fstest.TestFS(At(dir).FS(), "a", "b/c"); err != nil {
		t.Error(err)
	}
	if _, err := At(dir).FS().Open("../a"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("got %v, want %v", err, fs.ErrInvalid)
	}
}
