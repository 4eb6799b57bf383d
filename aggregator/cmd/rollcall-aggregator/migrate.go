// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// migrate brings the database to the newest schema and says which that is.
func (p *program) migrate(ctx context.Context, d *config.Database) error {
	return p.withDatabase(ctx, d, func(dsn string) error {
		if err := p.migrateAll(ctx, dsn); err != nil {
			return err
		}
		return onStore(ctx, dsn, func(s *store.Store) error {
			have, want, err := s.SchemaVersion(ctx)
			if err != nil {
				return err
			}
			if have > want {
				fmt.Fprintf(p.out, "The schema has version %d, newer than the %d of this program.\n", have, want)
				return nil
			}
			fmt.Fprintf(p.out, "The schema has version %d, the newest.\n", have)
			return nil
		})
	})
}

// migrateAll migrates the inventory, then the queue of background work beside it.
func (p *program) migrateAll(ctx context.Context, dsn string) error {
	if err := store.Migrate(ctx, dsn, p.log); err != nil {
		return err
	}
	return task.Migrate(ctx, dsn, p.log)
}
