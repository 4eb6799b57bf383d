// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// MachineStatus is the stored result of one check for a machine.
type MachineStatus struct {
	CheckID   int64
	CheckName string
	CheckStatus
}

const statusesOfMachineSQL = `
SELECT c.id, c.name, m.serial_number, s.status, s.previous_status, s.check_version, s.since,
       CASE WHEN s.check_version = c.version THEN h.last_seen ELSE s.since END
FROM check_status s
JOIN jmespath_check c ON c.id = s.check_id
JOIN head h ON h.id = s.head AND h.archived_at IS NULL
JOIN machine m ON m.id = s.machine
WHERE s.machine = $1 AND c.id > $2
ORDER BY c.id
LIMIT $3`

// MachineStatuses returns what ListStatuses has of one machine: by the id of the check, those behind after and at most
// limit.
func (s *Store) MachineStatuses(ctx context.Context, machine, after int64, limit int) ([]MachineStatus, error) {
	rows, _ := s.pool.Query(ctx, statusesOfMachineSQL, machine, after, limit) // its error comes back from CollectRows
	statuses, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m MachineStatus, err error) {
		err = row.Scan(&m.CheckID, &m.CheckName, &m.SerialNumber, &m.Status, &m.Previous, &m.Version, &m.Since, &m.At)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("statuses of machine %d: %w", machine, err)
	}
	return statuses, nil
}
