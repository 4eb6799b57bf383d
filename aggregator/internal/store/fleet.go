// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"
)

const (
	newestTransactionSQL = `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`
	olderAreOverSQL      = `SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8`
)

// AwaitCommits waits for the commits that are under way, because they may make heads without knowing what the caller has
// just stored: heads that are made later are made by commits that know it.
func (s *Store) AwaitCommits(ctx context.Context) error {
	if err := s.waitForOlder(ctx); err != nil {
		return fmt.Errorf("wait for running commits: %w", err)
	}
	return nil
}

// waitForOlder returns when every transaction that writes now is over.
func (s *Store) waitForOlder(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction+5*time.Second)
	defer cancel()
	var newest string
	if err := s.pool.QueryRow(ctx, newestTransactionSQL).Scan(&newest); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var over bool
		if err := s.pool.QueryRow(ctx, olderAreOverSQL, newest).Scan(&over); err != nil || over {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
