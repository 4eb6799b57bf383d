// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/rollcall-inventory/rollcall/migrations"
)

const (
	// migrationLock is the key of the advisory lock that lets one process migrate at a time: "rollcall" in ASCII.
	migrationLock = 0x726f6c6c63616c6c
	// migrationLockPoll paces the wait for it. A blocking wait would hold a snapshot, and CREATE INDEX CONCURRENTLY
	// in the other process's migration would wait for that.
	migrationLockPoll = 100 * time.Millisecond
)

// Migrate brings the schema of the database to the newest version this program knows. Several processes may call it
// at once: one works, the others wait for it, as long as ctx lasts. A database that is newer than the program is
// refused. Each migration is a transaction of its own, so that an interrupted Migrate is simply called again.
func Migrate(ctx context.Context, dsn string, log *slog.Logger) error {
	return migrate(ctx, dsn, migrations.FS, log)
}

// SchemaVersion returns the number of the newest migration in the database (0: none) and of the newest one known.
func SchemaVersion(ctx context.Context, dsn string) (have, want int64, err error) {
	db, provider, err := migrator(dsn, migrations.FS)
	if err != nil {
		return 0, 0, fmt.Errorf("schema version: %w", err)
	}
	defer func() { _ = db.Close() }() // it only read
	have, want, err = provider.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("schema version: %w", err)
	}
	return have, want, nil
}

func migrate(ctx context.Context, dsn string, files fs.FS, log *slog.Logger) error {
	unlock, err := lockMigrations(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer unlock()
	db, provider, err := migrator(dsn, files)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = db.Close() }() // every migration has committed or failed
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if have > want {
		return fmt.Errorf("migrate: the schema has version %d, newer than the %d of this program: upgrade the program", have, want)
	}
	done, err := provider.Up(ctx)
	for _, m := range done {
		log.Info("schema migrated", "version", m.Source.Version, "file", m.Source.Path, "duration", m.Duration)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func migrator(dsn string, files fs.FS) (*sql.DB, *goose.Provider, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	db := stdlib.OpenDB(*config)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		_ = db.Close() // nothing was opened
		return nil, nil, err
	}
	return db, provider, nil
}

// lockMigrations takes the advisory lock on a connection of its own; the lock ends with it.
func lockMigrations(ctx context.Context, dsn string) (unlock func(), err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	unlock = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // a dead connection has no lock either
	}
	tick := time.NewTicker(migrationLockPoll)
	defer tick.Stop()
	for {
		var got bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(migrationLock)).Scan(&got); err != nil {
			unlock()
			return nil, fmt.Errorf("lock: %w", err)
		}
		if got {
			return unlock, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			unlock()
			return nil, errors.Join(errors.New("another process is migrating"), ctx.Err())
		}
	}
}
