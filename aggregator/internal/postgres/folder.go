// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

const (
	superuser = "postgres"
	port      = "5432"
	// socketPathLimit is one less than what Linux and the BSDs accept for the path of a unix socket, its NUL included.
	socketPathLimit = 103
)

// folder is the place of one cluster on disk.
//
// Started by root, the folder itself stays root's (0711) and data/ and run/ belong to the server's user, so that this
// user cannot replace them; otherwise everything belongs to the one user.
type folder struct {
	dir string
}

func (f folder) data() string     { return filepath.Join(f.dir, "data") }
func (f folder) lockPath() string { return filepath.Join(f.dir, "lock") }

// create makes the folder, or refuses one that is in use for something else.
func (f folder) create() error {
	mode := fs.FileMode(0o700)
	if os.Getuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(f.dir), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(f.dir, mode)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(f.lockPath()); err != nil && len(entries) > 0 {
		return fmt.Errorf("the folder is not empty and holds no cluster of Rollcall")
	}
	st, err := os.Stat(f.dir)
	if err != nil {
		return err
	}
	if os.Getuid() == 0 && st.Mode().Perm()&0o001 == 0 {
		return os.Chmod(f.dir, mode)
	}
	return nil
}

// prepare creates the data folder when there is none, and returns the binaries that fit it.
func (f folder) prepare(ctx context.Context, o options) (binaries, error) {
	major, err := f.major()
	if err != nil {
		return binaries{}, err
	}
	bin, err := findBinaries(ctx, o.binDir, major)
	if err != nil || major != 0 {
		return bin, err
	}
	return bin, f.initialise(ctx, bin, o)
}

// major is the version that created the data folder, or 0 when there is none.
func (f folder) major() (int, error) {
	raw, err := os.ReadFile(filepath.Join(f.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(f.data()); err == nil {
			return 0, fmt.Errorf("%s is no data folder of PostgreSQL: PG_VERSION is missing", f.data())
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("version of the data folder: %w", err)
	}
	return major, nil
}

// initialise runs initdb beside the final place and renames the result, so that a killed initdb leaves no half cluster.
func (f folder) initialise(ctx context.Context, bin binaries, o options) error {
	who, err := serverUser()
	if err != nil {
		return err
	}
	fresh := filepath.Join(f.dir, "data.new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := who.mkdir(fresh); err != nil {
		return err
	}
	if err := who.reaches(ctx, fresh); err != nil {
		return err
	}
	args := []string{
		"-D", fresh, "-U", superuser, "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "--locale=" + locale(),
	}
	if o.noSync {
		args = append(args, "--no-sync")
	}
	cmd := who.command(ctx, bin.path("initdb"), fresh, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return os.Rename(fresh, f.data())
}

// locale sorts by code point everywhere; only C.UTF-8 also knows letters beyond ASCII, and macOS may lack it.
func locale() string {
	if runtime.GOOS == "darwin" {
		return "C"
	}
	return "C.UTF-8"
}

// socketDir creates the folder of the socket: run/ inside the folder, or a short private one when that path would be
// too long for a unix socket. The short one is remembered, so that restarts come back to it. What was created is named
// with an error too, so that the caller can remove it.
func (f folder) socketDir() (string, error) {
	who, err := serverUser()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(f.dir, "run")
	if len(dir)+len("/.s.PGSQL."+port) > socketPathLimit {
		return f.shortSocketDir(who)
	}
	return dir, who.ensureDir(dir)
}

func (f folder) shortSocketDir(who account) (string, error) {
	note := filepath.Join(f.dir, "socket_dir")
	if raw, err := os.ReadFile(note); err == nil {
		dir := strings.TrimSpace(string(raw))
		if who.ensureDir(dir) == nil {
			return dir, nil
		}
	}
	dir, err := os.MkdirTemp("", "rollcall-pg-")
	if err != nil {
		return "", fmt.Errorf("socket folder: %w", err)
	}
	if err := who.own(dir); err != nil {
		return dir, err
	}
	if err := who.reaches(context.Background(), dir); err != nil {
		return dir, err
	}
	return dir, os.WriteFile(note, []byte(dir+"\n"), 0o600)
}
