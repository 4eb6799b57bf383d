// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the first PostgreSQL with everything that the schema uses (DETACH PARTITION CONCURRENTLY came last).
const oldestMajor = 14

// installHint is what an operator does about ErrNotInstalled.
const installHint = "install it (Debian, Ubuntu: apt-get install postgresql · Fedora, RHEL: dnf install postgresql-server · " +
	"Alpine: apk add postgresql · macOS: brew install postgresql@17), name its folder with --postgres-bin, " +
	"or use a server with --database-url"

// binaries is a folder that holds initdb and postgres of one version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// findBinaries returns the binaries of the wanted major version, or the newest ones when want is 0.
// A named dir is the only place searched.
func findBinaries(ctx context.Context, dir string, want int) (binaries, error) {
	dirs := []string{dir}
	if dir == "" {
		dirs = binaryDirs(ctx)
	}
	var found []binaries
	for _, d := range dirs {
		if b, ok := inspectBinaries(ctx, d); ok {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		if dir != "" {
			return binaries{}, fmt.Errorf("no working initdb and postgres in %s: %w: %s", dir, ErrNotInstalled, installHint)
		}
		return binaries{}, fmt.Errorf("%w: %s", ErrNotInstalled, installHint)
	}
	return chooseBinaries(found, want)
}

func chooseBinaries(found []binaries, want int) (binaries, error) {
	if want != 0 {
		for _, b := range found {
			if b.major == want {
				return b, nil
			}
		}
		return binaries{}, fmt.Errorf("the data folder belongs to PostgreSQL %d, but only %s found: install PostgreSQL %d, or convert the folder with pg_upgrade",
			want, describeBinaries(found), want)
	}
	best := slices.MaxFunc(found, func(a, b binaries) int { return a.major - b.major })
	if best.major < oldestMajor {
		return binaries{}, fmt.Errorf("PostgreSQL %d or newer is needed, but only %s found: %w: %s",
			oldestMajor, describeBinaries(found), ErrNotInstalled, installHint)
	}
	return best, nil
}

func describeBinaries(found []binaries) string {
	var parts []string
	for _, b := range found {
		parts = append(parts, fmt.Sprintf("PostgreSQL %d (%s)", b.major, b.dir))
	}
	return strings.Join(parts, ", ") + " was"
}

// binaryDirs lists the folders worth a look, in order of preference.
func binaryDirs(ctx context.Context) []string {
	var dirs []string
	add := func(d string) {
		if d = filepath.Clean(d); !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		add(strings.TrimSpace(string(out)))
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			add(filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern) // the patterns are constant and well formed
		for _, m := range matches {
			add(m)
		}
	}
	return dirs
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspectBinaries reports whether dir holds both programs, and their major version.
func inspectBinaries(ctx context.Context, dir string) (binaries, bool) {
	b := binaries{dir: dir}
	if _, err := os.Stat(b.path("initdb")); err != nil {
		return b, false
	}
	out, err := exec.CommandContext(ctx, b.path("postgres"), "--version").Output()
	if err != nil {
		return b, false
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return b, false
	}
	b.major, err = strconv.Atoi(string(m[1]))
	return b, err == nil
}
