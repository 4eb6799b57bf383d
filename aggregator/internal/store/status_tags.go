// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	lockHeadsOfMachinesSQL = `SELECT id FROM head WHERE machine = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

	dropUntaggedStatusesSQL = `
WITH untagged AS (
    SELECT s.check_id, s.machine FROM check_status s JOIN jmespath_check c ON c.id = s.check_id
    WHERE s.machine = ANY ($1) AND cardinality(c.tags) > 0
      AND NOT EXISTS (SELECT FROM machine_tag t WHERE t.machine = s.machine AND t.tag = ANY (c.tags))
    ORDER BY s.check_id, s.machine
    FOR UPDATE OF s
), gone AS (
    DELETE FROM check_status s USING untagged u WHERE s.check_id = u.check_id AND s.machine = u.machine
    RETURNING s.machine, s.head
), told AS (
    INSERT INTO journal (what, machine, head, seq)
    SELECT 'status', machine, id, seq FROM head WHERE id IN (SELECT head FROM gone) ORDER BY id
)
SELECT DISTINCT machine FROM gone`
)

// DropUntaggedStatuses deletes the statuses of some machines, a few hundred at most, that belong to checks of tags
// which the machine does not carry.
func (s *Store) DropUntaggedStatuses(ctx context.Context, machines []int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockHeadsOfMachinesSQL, machines); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, dropUntaggedStatusesSQL, machines) // its error comes back from CollectRows
		dropped, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		return settleCompliance(ctx, tx, dropped)
	})
	if err != nil {
		return fmt.Errorf("drop statuses of checks that do not apply any more: %w", err)
	}
	return nil
}
