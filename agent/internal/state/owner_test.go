// SPDX-License-Identifier: Apache-2.0

//go:build unix

package state

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// account is the user and group of nobody on every Unix.
const account = 65534

// serviceFolder is a state folder of an account that root works in.
func serviceFolder(t *testing.T) *Dir {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: giving files to the account of a service needs root")
	}
	d := open(t, filepath.Join(t.TempDir(), "state"))
	if err := os.Chown(d.Path(), account, account); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhatRootWritesBelongsToTheFoldersAccount(t *testing.T) {
	t.Parallel()
	d := serviceFolder(t)
	if err := d.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("sub/f", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{lockName, "sub", "sub/f"} {
		info, err := os.Stat(filepath.Join(d.Path(), name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != account || owner.Gid != account {
			t.Errorf("%s: got owner %d:%d, want %d", name, owner.Uid, owner.Gid, account)
		}
	}
}

func TestNoLinkLeadsRootOutOfTheFolder(t *testing.T) {
	t.Parallel()
	d := serviceFolder(t)
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"f.new": victim, "sub": outside, lockName: victim} {
		if err := os.Symlink(target, filepath.Join(d.Path(), link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Write("f", []byte("x")); err != nil {
		t.Errorf("a link where a new file goes: %v", err)
	}
	if err := d.Write("sub/victim", []byte("x")); err == nil {
		t.Error("wrote through a folder that is a link to the outside")
	}
	if err := d.Lock(); err == nil {
		t.Error("locked a file outside")
	}
	got, err := os.ReadFile(victim)
	info, statErr := os.Stat(victim)
	if err != nil || statErr != nil || string(got) != "precious" || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the file outside: got %q, %v, %v", got, err, statErr)
	}
}

func TestNoLinkMakesRootReadOrRemoveElsewhere(t *testing.T) {
	t.Parallel()
	d := serviceFolder(t)
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"f": victim, "sub": outside} {
		if err := os.Symlink(target, filepath.Join(d.Path(), link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"f", "sub/victim"} {
		if got, err := d.Read(name, 100); err == nil {
			t.Errorf("%s: read %q through a link to the outside", name, got)
		}
	}
	if err := d.Remove("sub/victim"); err == nil {
		t.Error("removed through a folder that is a link to the outside")
	}
	if _, err := os.Stat(victim); err != nil {
		t.Errorf("the file outside: %v", err)
	}
}

func TestNothingHoldsRootUp(t *testing.T) {
	t.Parallel()
	d := serviceFolder(t)
	for _, name := range []string{"f", lockName} {
		if err := syscall.Mkfifo(filepath.Join(d.Path(), name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := d.Read("f", 100); err == nil {
		t.Errorf("read %q from a pipe that nobody writes to", got)
	}
	if err := d.Lock(); err == nil {
		t.Error("locked a pipe")
	}
}

func TestAFileThatHasAnotherNameIsNoLock(t *testing.T) {
	t.Parallel()
	d := serviceFolder(t)
	victim := filepath.Join(filepath.Dir(d.Path()), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(victim, filepath.Join(d.Path(), lockName)); err != nil { // as without fs.protected_hardlinks
		t.Fatal(err)
	}
	if err := d.Lock(); err == nil {
		t.Error("locked, and emptied, a file outside")
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
		t.Errorf("the file outside: got %q, %v", got, err)
	}
}
