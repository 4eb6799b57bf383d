// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// HeadOfMachine names one head.
type HeadOfMachine struct {
	Machine int64
	Serial  string
	Source  Source
}

const (
	headsOfSourceSQL = `
SELECT h.machine, m.serial_number
FROM head h JOIN machine m ON m.id = h.machine
WHERE h.source = $1 AND h.machine > $2
ORDER BY h.machine
LIMIT $3`
	newestTransactionSQL = `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`
	olderAreOverSQL      = `SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8`
)

// EachHeadOfSource hands the heads of the sources with that name, in any case, to fn and stops at its first error.
// Archived ones are among them: a check-in that revives one evaluates nothing. It first waits for the commits that are
// under way, because they may make heads without knowing what the caller has just stored: heads that are made later are
// made by commits that know it.
func (s *Store) EachHeadOfSource(ctx context.Context, source string, fn func(context.Context, HeadOfMachine) error) error {
	if err := s.waitForOlder(ctx); err != nil {
		return fmt.Errorf("wait for running commits: %w", err)
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	for _, one := range sources {
		if !strings.EqualFold(one.Name, source) {
			continue
		}
		if err := s.eachHead(ctx, one, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) eachHead(ctx context.Context, source Source, fn func(context.Context, HeadOfMachine) error) error {
	const batch = 1000
	last := int64(0)
	for {
		rows, _ := s.pool.Query(ctx, headsOfSourceSQL, source.ID, last, batch) // its error comes back from CollectRows
		heads, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (HeadOfMachine, error) {
			h := HeadOfMachine{Source: source}
			err := row.Scan(&h.Machine, &h.Serial)
			return h, err
		})
		if err != nil {
			return fmt.Errorf("heads of %s: %w", source.Name, err)
		}
		for _, h := range heads {
			if err := fn(ctx, h); err != nil {
				return err
			}
		}
		if len(heads) < batch {
			return nil
		}
		last = heads[len(heads)-1].Machine
	}
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
