// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// migrate brings the database to the newest schema and says which that is.
func (p *program) migrate(ctx context.Context, d *config.Database) error {
	return p.withDatabase(ctx, d, func(dsn string) error {
		if err := store.Migrate(ctx, dsn, p.log); err != nil {
			return err
		}
		have, _, err := store.SchemaVersion(ctx, dsn)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "The schema has version %d, the newest.\n", have)
		return nil
	})
}
