// SPDX-License-Identifier: Apache-2.0

//go:build unix

package storetest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
)

// Replica makes a streaming replica of a cluster and starts it. It belongs to t alone, like Cluster; how to reach it is
// its DSN.
func Replica(t testing.TB, primary *postgres.Cluster, opts ...postgres.Option) *postgres.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dir := filepath.Join(Dir(t), "pg")
	err := os.Mkdir(dir, 0o700)
	if err == nil { // the server's user makes the data folder in it
		err = os.Chmod(dir, 0o777) //nolint:gosec // see above; the folder is the test's
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600) // marks the folder as Rollcall's
	}
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	cmd, err := primary.Command(ctx, "pg_basebackup", "-D", filepath.Join(dir, "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("storetest: pg_basebackup: %v\n%s", err, out)
	}
	c, err := postgres.Start(ctx, dir, slog.New(slog.DiscardHandler), append(opts, postgres.Standby())...)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Logf("storetest: %v", err) // the test may have killed it
		}
	})
	return c
}
