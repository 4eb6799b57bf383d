// SPDX-License-Identifier: Apache-2.0

package store_test

import (
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
	have, want, err := store.SchemaVersion(t.Context(), dsn)
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

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	files := fstest.MapFS{"0001_create_one.sql": file("-- +goose Up\nCREATE TABLE one (n int);"), "0002_create_two.sql": file("-- +goose Up\nCREATE TABLE two (n int);")}
	if err := store.MigrateFS(t.Context(), dsn, files, quiet); err != nil {
		t.Fatal(err)
	}
	delete(files, "0002_create_two.sql")
	err := store.MigrateFS(t.Context(), dsn, files, quiet)
	if err == nil || !strings.Contains(err.Error(), "newer than the 1 of this program") {
		t.Errorf("got %v, want a refusal of the newer schema", err)
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
