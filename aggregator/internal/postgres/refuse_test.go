// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
)

func itoa(n int) string { return strconv.Itoa(n) }

// chownLike gives path the owner of like.
func chownLike(t *testing.T, path, like string) {
	t.Helper()
	st, err := os.Stat(like)
	if err != nil {
		t.Fatal(err)
	}
	sys := st.Sys().(*syscall.Stat_t)
	if err := os.Chown(path, int(sys.Uid), int(sys.Gid)); err != nil {
		t.Fatal(err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		opts    []postgres.Option
		root    bool // only root has the problem
		is      error
		want    []string // parts of the message
	}{
		{
			name:    "data folder of a newer PostgreSQL",
			prepare: func(t *testing.T, dir string) { cluster(t, dir, "99\n") },
			want:    []string{"belongs to PostgreSQL 99", "install PostgreSQL 99"},
		},
		{
			name: "no PostgreSQL",
			opts: []postgres.Option{postgres.WithBinaries("/nonexistent")},
			is:   postgres.ErrNotInstalled,
			want: []string{"apt-get install postgresql", "--database-url"},
		},
		{
			name: "folder of something else",
			prepare: func(t *testing.T, dir string) {
				mkdir(t, dir)
				write(t, filepath.Join(dir, "letter.txt"), "dear reader")
			},
			want: []string{"not empty"},
		},
		{
			name:    "data folder that is none",
			prepare: func(t *testing.T, dir string) { cluster(t, dir, "") },
			want:    []string{"PG_VERSION is missing"},
		},
		{
			name: "parent closed to the server's user",
			root: true,
			prepare: func(t *testing.T, dir string) {
				if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"cannot enter", "mode 0700", "chmod o+x"},
		},
		{
			name: "a setting that PostgreSQL refuses",
			opts: []postgres.Option{postgres.WithSetting("shared_buffers", "plenty")},
			want: []string{"ended while starting", "shared_buffers"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.root && os.Getuid() != 0 {
				t.Skip("only root changes to another user")
			}
			dir := folder(t)
			if tt.prepare != nil {
				tt.prepare(t, dir)
			}
			_, err := postgres.Start(t.Context(), dir, slog.New(slog.DiscardHandler), tt.opts...)
			if err == nil {
				t.Fatal("got no error")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestLongFolderGetsAShortSocketPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), strings.Repeat("long-name/", 12))
	c := start(t, dir, postgres.Ephemeral())
	query(t, c.DSN(), "SELECT 'reachable'")
	dsn := c.DSN()
	stop(t, c)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "rollcall-pg-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range left {
		if strings.Contains(dsn, filepath.Base(l)) {
			t.Errorf("socket folder %s is left behind", l)
		}
	}
	if c = start(t, dir, postgres.Ephemeral()); c.DSN() != dsn {
		t.Errorf("DSN after a restart: got %s, want %s", c.DSN(), dsn)
	}
}

// cluster makes a folder that looks like an earlier cluster of the given version; an empty version writes none.
func cluster(t *testing.T, dir, version string) {
	t.Helper()
	mkdir(t, filepath.Join(dir, "data"))
	write(t, filepath.Join(dir, "lock"), "")
	if version != "" {
		write(t, filepath.Join(dir, "data", "PG_VERSION"), version)
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
