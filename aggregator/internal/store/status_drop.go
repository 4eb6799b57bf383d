// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
)

const (
	// droppedTogether bounds the statuses that one transaction drops.
	droppedTogether = 1000
	// anyVersion is above every version of a check.
	anyVersion = math.MaxInt32

	dropStatusesSQL = `
WITH outdated AS (
    SELECT check_id, machine FROM check_status
    WHERE check_id = $1 AND check_version < $2
    ORDER BY machine LIMIT $3
    FOR UPDATE
), dropped AS (
    DELETE FROM check_status s USING outdated o WHERE s.check_id = o.check_id AND s.machine = o.machine
    RETURNING s.machine, s.head
), told AS (
    INSERT INTO journal (what, machine, head) SELECT 'status', machine, head FROM dropped ORDER BY machine
)
SELECT machine FROM dropped`
)

// DropOutdatedStatuses removes the statuses of a check that are of an older version, some in a transaction: once the
// newer version was evaluated everywhere, they are of what is in the scope no more.
func (s *Store) DropOutdatedStatuses(ctx context.Context, check int64, version int) error {
	for {
		var machines []int64
		err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			if machines, err = dropStatuses(ctx, tx, check, version); err != nil {
				return err
			}
			return settleCompliance(ctx, tx, machines)
		})
		if err != nil {
			return fmt.Errorf("drop statuses of check %d: %w", check, err)
		}
		if len(machines) < droppedTogether {
			return nil
		}
	}
}

// dropStatusesOf removes all statuses of a check, some in a transaction, as long as there are some. Whoever is about to
// delete the check calls it first, and dropLastStatuses in the transaction that deletes it.
func (s *Store) dropStatusesOf(ctx context.Context, check int64) error {
	return s.DropOutdatedStatuses(ctx, check, anyVersion)
}

// dropLastStatuses removes what was evaluated since dropStatusesOf. The caller has locked the check's row FOR UPDATE, so
// that nobody stores more, and locks nothing of machines afterwards.
func dropLastStatuses(ctx context.Context, tx pgx.Tx, check int64) error {
	var machines []int64
	for {
		dropped, err := dropStatuses(ctx, tx, check, anyVersion)
		if err != nil {
			return fmt.Errorf("drop statuses of check %d: %w", check, err)
		}
		machines = append(machines, dropped...)
		if len(dropped) < droppedTogether {
			return settleCompliance(ctx, tx, machines)
		}
	}
}

// dropStatuses removes up to droppedTogether statuses below a version, and returns their machines.
func dropStatuses(ctx context.Context, tx pgx.Tx, check int64, below int) ([]int64, error) {
	rows, _ := tx.Query(ctx, dropStatusesSQL, check, below, droppedTogether) // its error comes back from CollectRows
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}
