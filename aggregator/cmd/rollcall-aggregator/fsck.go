// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// fsck verifies the database and changes nothing: exit 3 when something does not fit together.
func (p *program) fsck(ctx context.Context, d *config.Database) error {
	return p.withDatabase(ctx, d, func(dsn string) error {
		return onStore(ctx, dsn, func(s *store.Store) error {
			have, want, err := s.SchemaVersion(ctx)
			if err != nil {
				return err
			}
			if have < want {
				return fmt.Errorf("the schema has version %d, this program needs %d: run migrate", have, want)
			}
			counts, err := s.Fsck(ctx, func(problem string) { fmt.Fprintln(p.out, problem) })
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%d snapshots with %d sections, %d changes, %d assets of which %d are orphans: %d problems\n",
				counts.Heads, counts.Sections, counts.Changes, counts.Assets, counts.Orphans, counts.Problems)
			if counts.Problems > 0 {
				return config.WithExit(config.ExitCheckFailed, fmt.Errorf("%d problems found", counts.Problems))
			}
			return nil
		})
	})
}
