// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Migrate brings the tables of the queue (river_…) to the version this program knows, in the schema of the other tables,
// after store.Migrate. Several processes may call it at once. Newer tables are left alone.
func Migrate(ctx context.Context, dsn string, log *slog.Logger) error {
	pool, err := store.OpenBackground(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	return store.HoldMigrations(ctx, dsn, func(ctx context.Context) error {
		migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: warnings(log)})
		if err != nil {
			return fmt.Errorf("migrate the task queue: %w", err)
		}
		done, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err != nil {
			return fmt.Errorf("migrate the task queue: %w", err)
		}
		for _, m := range done.Versions {
			log.Info("task queue migrated", "version", m.Version, "name", m.Name, "duration", m.Duration)
		}
		return nil
	})
}
