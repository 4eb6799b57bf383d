// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
)

// HoldMigrations runs fn while no other process migrates this database, for parts of the schema that are not the
// store's. It waits for one that does, as long as ctx lasts. fn must not call Migrate.
func HoldMigrations(ctx context.Context, dsn string, fn func(context.Context) error) error {
	unlock, err := lockMigrations(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer unlock()
	return fn(ctx)
}
