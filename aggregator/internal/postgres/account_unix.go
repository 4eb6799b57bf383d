// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server runs as.
type account struct {
	name     string
	uid, gid uint32
	switched bool // differs from the user of this process
}

// serverUser is the user of this process, or postgres (else nobody) when that is root: PostgreSQL refuses to run as root.
func serverUser() (account, error) {
	if os.Getuid() != 0 {
		return account{uid: uint32(os.Getuid()), gid: uint32(os.Getgid()), name: "this user"}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return account{name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")
}

// command prepares a program that runs as the account in dir, in a process group of its own (a Ctrl-C in the terminal
// is for the aggregator, which then stops the server in order) and with an environment free of PG* variables.
func (a account) command(ctx context.Context, program, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=" + locale(), "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	if v, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+v)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// mkdir creates a private folder of the account; it must not exist.
func (a account) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return a.own(dir)
}

func (a account) own(dir string) error {
	if !a.switched {
		return nil
	}
	return os.Lchown(dir, int(a.uid), int(a.gid))
}

// ensureDir creates a private folder of the account, or accepts one that is exactly that already.
func (a account) ensureDir(dir string) error {
	err := a.mkdir(dir)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if uid, ok := owner(dir); !ok || uid != a.uid || !st.IsDir() || st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s must be a folder of %s with mode 0700", dir, a.name)
	}
	return nil
}

// owner is the user id that dir belongs to.
func owner(dir string) (uint32, bool) {
	st, err := os.Lstat(dir)
	if err != nil {
		return 0, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return sys.Uid, true
}

// reaches checks that the account can enter dir, and names the folder that keeps it out.
func (a account) reaches(ctx context.Context, dir string) error {
	err := a.command(ctx, "/bin/sh", dir, "-c", "cd -P . && test -w .").Run()
	if err == nil {
		return nil
	}
	for d := filepath.Dir(dir); d != "/"; d = filepath.Dir(d) {
		st, statErr := os.Stat(d)
		if statErr == nil && st.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("started by root, PostgreSQL runs as user %s, which cannot enter %s (mode %04o): "+
				"choose a folder outside of it, such as /var/lib/rollcall/pg, or chmod o+x %s", a.name, d, st.Mode().Perm(), d)
		}
	}
	if uid, ok := owner(dir); ok && uid != a.uid {
		return fmt.Errorf("%s belongs to user id %d, but PostgreSQL would run as %s (%d): start the aggregator as the same user as before, or chown -R %d %s",
			dir, uid, a.name, a.uid, a.uid, dir)
	}
	return fmt.Errorf("%s cannot use %s: %w", a.name, dir, err)
}
