// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
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
	// lockTimeout bounds how long a migration waits for a lock, because everybody else then waits behind it. It is longer
	// than deadlock_timeout, after which PostgreSQL calls off an autovacuum that is in the way. A migration that builds an
	// index CONCURRENTLY waits for old transactions and has to set it to 0 itself.
	lockTimeout = 2 * time.Second
	// lockPause, and up to twice that, lies between two attempts; after lockPatience there are no more.
	lockPause    = time.Second
	lockPatience = 10 * time.Minute
)

// Migrate brings the schema of the database to the newest version this program knows. Several processes may call it
// at once: one works, the others wait for it, as long as ctx lasts. Each migration is a transaction of its own, so that
// an interrupted Migrate is simply called again. Aggregators may go on working meanwhile: a statement that waits for a
// lock, and makes others wait behind it, gives up soon, and its migration is tried again later.
//
// A database that is newer than the program is left alone, and the log says so: migrations only add to what the
// version before needs, so that the two can work side by side while a site is upgraded.
func Migrate(ctx context.Context, dsn string, log *slog.Logger) error {
	return migrate(ctx, dsn, migrations.FS, log)
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
		log.Warn("the schema is newer than this program: upgrade the program soon", "schema", have, "known", want)
		return nil
	}
	if err := migrateUp(ctx, provider, log); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrateUp applies what is missing, again and again while locks are not to be had.
func migrateUp(ctx context.Context, provider *goose.Provider, log *slog.Logger) error {
	deadline := time.Now().Add(lockPatience)
	for {
		done, err := provider.Up(ctx)
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			done = partial.Applied
		}
		for _, m := range done {
			log.Info("schema migrated", "version", m.Source.Version, "file", m.Source.Path, "duration", m.Duration)
		}
		if err == nil || !lockTimedOut(err) || time.Now().After(deadline) {
			return err
		}
		log.Warn("a migration waited for a lock in vain, and lets others pass before it tries again", "err", err)
		pause := time.NewTimer(lockPause + rand.N(lockPause))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

// lockTimedOut tells whether a statement gave up because of lock_timeout.
func lockTimedOut(err error) bool {
	const lockNotAvailable = "55P03"
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == lockNotAvailable
}

func migrator(dsn string, files fs.FS) (*sql.DB, *goose.Provider, error) {
	config, err := singleConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	config.RuntimeParams["lock_timeout"] = fmt.Sprint(lockTimeout.Milliseconds())
	db := stdlib.OpenDB(*config)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		_ = db.Close() // nothing was opened
		return nil, nil, err
	}
	return db, provider, nil
}

// singleConfig is for a connection outside of a pool: what the address says of pools is no setting of the server's.
func singleConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	return config.ConnConfig, nil
}

// lockMigrations takes the advisory lock on a connection of its own; the lock ends with it.
func lockMigrations(ctx context.Context, dsn string) (unlock func(), err error) {
	config, err := singleConfig(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
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
