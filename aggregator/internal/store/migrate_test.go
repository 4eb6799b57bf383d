// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

func TestMigrateBringsTheSchemaToTheNewestVersion(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	for range 2 { // the second call finds nothing to do
		if err := store.Migrate(t.Context(), dsn, quiet); err != nil {
			t.Fatal(err)
		}
	}
	have, want, err := storeOn(t, dsn).SchemaVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if have != want || want < 1 {
		t.Errorf("versions: got %d of %d", have, want)
	}
}

func TestSeveralProcessesMayMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return store.Migrate(t.Context(), dsn, quiet) })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTheAddressMaySayHowLargePoolsAre(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t) + "&pool_max_conns=3"
	if err := store.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	if err := store.HoldMigrations(t.Context(), dsn, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	if got := storeOn(t, dsn).PoolStats().Max; got != 3 {
		t.Errorf("%d connections at most, want 3", got)
	}
}

func TestFailedMigrationIsRolledBackAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	good := file("-- +goose Up\nCREATE TABLE one (n int);")
	files := fstest.MapFS{"0001_create_one.sql": good, "0002_create_two.sql": file("-- +goose Up\nCREATE TABLE two (n int);\nSELECT 1/0;")}
	err := store.MigrateFS(t.Context(), dsn, files, quiet)
	if err == nil || !strings.Contains(err.Error(), "division by zero") {
		t.Fatalf("got %v, want division by zero", err)
	}
	files["0002_create_two.sql"] = file("-- +goose Up\nCREATE TABLE two (n int);")
	if err := store.MigrateFS(t.Context(), dsn, files, quiet); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "SELECT * FROM one, two"); err != nil {
		t.Error(err)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	files := fstest.MapFS{"0001_create_one.sql": file("-- +goose Up\nCREATE TABLE one (n int);"), "0002_create_two.sql": file("-- +goose Up\nCREATE TABLE two (n int);")}
	if err := store.MigrateFS(t.Context(), dsn, files, quiet); err != nil {
		t.Fatal(err)
	}
	delete(files, "0002_create_two.sql")
	var log strings.Builder
	if err := store.MigrateFS(t.Context(), dsn, files, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "schema=2 known=1") {
		t.Errorf("got %q, want a warning that the program is older", log.String())
	}
}

func TestMigrationGivesWayToOthersWhileItWaitsForALock(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	files := fstest.MapFS{"0001_create_one.sql": file("-- +goose Up\nCREATE TABLE one (n int);")}
	if err := store.MigrateFS(t.Context(), dsn, files, quiet); err != nil {
		t.Fatal(err)
	}
	holder := must(pgx.Connect(t.Context(), dsn))(t)
	defer func() { _ = holder.Close(t.Context()) }()
	tx := must(holder.Begin(t.Context()))(t)
	must(tx.Exec(t.Context(), "INSERT INTO one VALUES (1)"))(t)

	files["0002_widen_one.sql"] = file("-- +goose Up\nALTER TABLE one ADD COLUMN m int;")
	told := make(chan struct{}, 100)
	var group errgroup.Group
	group.Go(func() error { return store.MigrateFS(t.Context(), dsn, files, slog.New(notifying{told})) })
	<-told // it gave up once, and others were let past
	other := must(pgx.Connect(t.Context(), dsn))(t)
	defer func() { _ = other.Close(t.Context()) }()
	must(other.Exec(t.Context(), "INSERT INTO one VALUES (2)"))(t)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	must(other.Exec(t.Context(), "INSERT INTO one VALUES (3, 3)"))(t)
}

// notifying is a log that says when somebody warns.
type notifying struct{ warned chan<- struct{} }

func (n notifying) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (n notifying) Handle(context.Context, slog.Record) error { n.warned <- struct{}{}; return nil }
func (n notifying) WithAttrs([]slog.Attr) slog.Handler        { return n }
func (n notifying) WithGroup(string) slog.Handler             { return n }

// storeOn opens a store on a database as it is.
func storeOn(t *testing.T, dsn string) *store.Store {
	t.Helper()
	pool := must(store.Open(t.Context(), dsn))(t)
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	return s
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
