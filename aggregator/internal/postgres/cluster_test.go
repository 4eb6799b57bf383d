// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
)

// holdEnv makes the test binary a process that owns a cluster until it is killed.
const holdEnv = "ROLLCALL_TEST_HOLD_CLUSTER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

// hold starts the cluster of dir, prints its connection string and waits to be killed.
func hold(dir string) {
	c, err := postgres.Start(context.Background(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		_, _ = os.Stdout.WriteString("error: " + err.Error() + "\n")
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(c.DSN() + "\n")
	select {}
}

// folder is a new folder that the server's user can enter: t.TempDir is private to root when root runs the tests.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rollcall-postgres-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, dir string, opts ...postgres.Option) *postgres.Cluster {
	t.Helper()
	c, err := postgres.Start(t.Context(), dir, slog.New(slog.DiscardHandler), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *postgres.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// query runs one statement and returns its only value as text.
func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func TestDataSurvivesAStopAndAStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, dir)
	query(t, c.DSN(), "CREATE TABLE kept AS SELECT 'yes' AS v")
	if got := query(t, c.DSN(), "SHOW fsync"); got != "on" {
		t.Errorf("fsync: got %s, want on", got)
	}
	if got := query(t, c.DSN(), "SHOW listen_addresses"); got != "" {
		t.Errorf("listen_addresses: got %q, want none", got)
	}
	dsn := c.DSN()
	stop(t, c)
	if c.PID() != 0 {
		t.Errorf("PID after Stop: got %d, want 0", c.PID())
	}

	c = start(t, dir)
	if c.DSN() != dsn {
		t.Errorf("DSN after a restart: got %s, want %s", c.DSN(), dsn)
	}
	if got := query(t, c.DSN(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("value after a restart: got %q, want yes", got)
	}
}

func TestFolderHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, dir, postgres.Ephemeral())
	log := slog.New(slog.DiscardHandler)

	_, err := postgres.Start(t.Context(), dir, log)
	if !errors.Is(err, postgres.ErrInUse) {
		t.Errorf("second Start: got %v, want ErrInUse", err)
	}

	guest, err := postgres.Open(t.Context(), dir, log)
	if err != nil {
		t.Fatal(err)
	}
	if guest.DSN() != c.DSN() {
		t.Errorf("DSN of Open: got %s, want %s", guest.DSN(), c.DSN())
	}
	stop(t, guest)
	query(t, c.DSN(), "SELECT 'still here'") // the guest must not stop its host
	stop(t, c)

	own, err := postgres.Open(t.Context(), dir, log)
	if err != nil {
		t.Fatal(err)
	}
	pid := own.PID()
	if pid == 0 {
		t.Error("Open on a stopped cluster did not start it")
	}
	stop(t, own)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("server after Stop: got %v, want no such process", err)
	}
}

func TestKilledServerComesBackWithItsData(t *testing.T) {
	t.Parallel()
	c := start(t, folder(t))
	query(t, c.DSN(), "CREATE TABLE kept AS SELECT 'yes' AS v")
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- c.Run(ctx) }()

	old := c.PID()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { p := c.PID(); return p != 0 && p != old })
	if got := query(t, c.DSN(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("value after SIGKILL: got %q, want yes", got)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestKilledAggregatorLeavesAUsableFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdEnv+"="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("holder: %v: %s", err, line)
	}
	query(t, strings.TrimSpace(line), "CREATE TABLE kept AS SELECT 'yes' AS v")
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed

	c := start(t, dir)
	if got := query(t, c.DSN(), "SELECT v FROM kept"); got != "yes" {
		t.Errorf("value after kill -9 of the owner: got %q, want yes", got)
	}
}

func TestReusedProcessIDDoesNotBlockTheStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, dir)
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, c)

	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	_, rest, _ := strings.Cut(string(raw), "\n")
	stale := []byte(itoa(stranger.Process.Pid) + "\n" + rest)
	if err := os.WriteFile(pidFile, stale, 0o600); err != nil {
		t.Fatal(err)
	}
	chownLike(t, pidFile, filepath.Join(dir, "data"))

	start(t, dir)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was harmed: %v", err)
	}
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("condition not reached within a minute")
		}
	}
}
