// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package storetest gives each test a migrated, private database on real PostgreSQL.
//
// The first call in a test process starts one embedded cluster for all its tests, in a temporary folder and without
// fsync; a watching child process stops it and removes the folder when the test process ends, however it ends. It
// refuses to skip: without PostgreSQL a test fails and says what to install.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// patience bounds everything this package does with a database.
const patience = time.Minute

// template is the migrated database that private ones are copied from.
const template = "rollcall_template"

// New returns a pool on a migrated database that belongs to t alone. The pool is closed and the database dropped when
// t ends; t must have given its connections back by then.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := store.Open(context.Background(), DSN(t))
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// DSN returns the connection string of a migrated database that belongs to t alone and is dropped when t ends, with
// whatever is still connected to it.
func DSN(t testing.TB) string {
	t.Helper()
	if err := migratedTemplate(); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return create(t, template)
}

// Empty is DSN without the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, "template1")
}

// Cluster starts a cluster that belongs to t alone, for tests that stop or kill PostgreSQL. It is empty and durable
// (fsync on) unless an option says otherwise; it is stopped and removed when t ends.
func Cluster(t testing.TB, opts ...postgres.Option) *postgres.Cluster {
	t.Helper()
	c, err := postgres.Start(context.Background(), filepath.Join(Dir(t), "pg"), slog.New(slog.DiscardHandler), opts...)
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

// Dir returns a temporary folder with a short path that every user can enter, removed when t ends. (t.TempDir keeps
// other users out, so that a PostgreSQL started by root cannot live there.)
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := openDir()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it lies in the temporary folder
	return dir
}

func openDir() (string, error) {
	dir, err := os.MkdirTemp("", "rollcall-test-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// shared starts the cluster of this test process.
var shared = sync.OnceValues(func() (*postgres.Cluster, error) {
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	if err := watch(dir); err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	return postgres.Start(context.Background(), filepath.Join(dir, "pg"), slog.New(slog.DiscardHandler),
		postgres.Ephemeral(), postgres.WithSetting("max_connections", "200"), postgres.WithSetting("autovacuum_naptime", "10s"))
})

// migratedTemplate creates the template once.
var migratedTemplate = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := admin(ctx, "CREATE DATABASE "+template); err != nil {
		return err
	}
	dsn, err := dsnOf(template)
	if err != nil {
		return err
	}
	return store.Migrate(ctx, dsn, slog.New(slog.DiscardHandler))
})

var databases atomic.Int64

// create copies a database and drops the copy when t ends.
func create(t testing.TB, from string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := admin(ctx, "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := admin(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("storetest: %v", err)
		}
	})
	dsn, err := dsnOf(name)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return dsn
}

// dsnOf is the connection string of a database of the shared cluster.
func dsnOf(database string) (string, error) {
	c, err := shared()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(c.DSN())
	if err != nil {
		return "", err
	}
	u.Path = "/" + database
	return u.String(), nil
}

// admin runs one statement beside all test databases; sql is built from constants and numbers.
func admin(ctx context.Context, sql string) error {
	c, err := shared()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.DSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // the statement has its own error
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
