// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const headsOfMachinesSQL = `
SELECT h.machine, m.serial_number, s.id, s.module, s.name, s.config
FROM head h JOIN machine m ON m.id = h.machine JOIN source s ON s.id = h.source
WHERE h.machine = ANY ($1)
ORDER BY h.id`

// HeadsOfMachines returns the heads of some machines; archived ones are among them: a check-in that revives one
// evaluates nothing.
func (s *Store) HeadsOfMachines(ctx context.Context, machines []int64) ([]HeadOfMachine, error) {
	rows, _ := s.pool.Query(ctx, headsOfMachinesSQL, machines) // its error comes back from CollectRows
	heads, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (HeadOfMachine, error) {
		var h HeadOfMachine
		err := row.Scan(&h.Machine, &h.Serial, &h.Source.ID, &h.Source.Module, &h.Source.Name, &h.Source.Config)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("heads of machines: %w", err)
	}
	return heads, nil
}

const (
	lockHeadsOfMachinesSQL = `SELECT id FROM head WHERE machine = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

	dropUntaggedStatusesSQL = `
WITH gone AS (
    DELETE FROM check_status s USING jmespath_check c
    WHERE c.id = s.check_id AND s.machine = ANY ($1) AND cardinality(c.tags) > 0
      AND NOT EXISTS (SELECT FROM machine_tag t WHERE t.machine = s.machine AND t.tag = ANY (c.tags))
    RETURNING s.head
)
INSERT INTO journal (what, machine, head, seq)
SELECT 'status', machine, id, seq FROM head WHERE id IN (SELECT head FROM gone) ORDER BY id`
)

// DropUntaggedStatuses deletes the statuses of some machines, a few hundred at most, that belong to checks of tags
// which the machine does not carry.
func (s *Store) DropUntaggedStatuses(ctx context.Context, machines []int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockHeadsOfMachinesSQL, machines); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, dropUntaggedStatusesSQL, machines)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop statuses of checks that do not apply any more: %w", err)
	}
	return nil
}
