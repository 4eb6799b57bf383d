// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// MachineStatus is how a machine stands with one check.
type MachineStatus struct {
	CheckID   int64
	CheckName string
	Severity  string
	Labels    []string
	CheckMachine
}

// What is in scope is what listCheckMachinesSQL takes for it.
const statusesOfMachineSQL = `
WITH live AS MATERIALIZED (
    SELECT h.id, h.last_seen, lower(o.name) AS source, u.platform
    FROM head h JOIN source o ON o.id = h.source LEFT JOIN head_summary u ON u.head = h.id
    WHERE h.machine = $1 AND h.archived_at IS NULL
)
SELECT c.id, c.name, c.severity, c.labels, m.serial_number,
       CASE WHEN r.current THEN r.status ELSE 100 END,
       CASE WHEN r.current THEN r.previous_status ELSE r.status END, r.check_version,
       CASE WHEN r.current THEN r.since END, CASE WHEN r.current THEN r.last_seen END,
       w.id, w.owner, w.reason, w.expires_at
FROM machine m
CROSS JOIN jmespath_check c
LEFT JOIN LATERAL (
    SELECT s.*, l.last_seen, s.check_version = c.version AS current
    FROM check_status s JOIN live l ON l.id = s.head
    WHERE s.check_id = c.id AND s.machine = m.id
) r ON true
LEFT JOIN waiver w ON w.check_id = c.id AND w.machine = m.id AND w.expires_at > now()
WHERE m.id = $1 AND c.id > $2
  AND (r.current OR (
        (cardinality(c.tags) = 0 OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY (c.tags)))
    AND EXISTS (SELECT FROM live l WHERE l.source = lower(c.source_name)
                AND (cardinality(c.platforms) = 0 OR l.platform = ANY (c.platforms)))))
ORDER BY c.id
LIMIT $3`

// MachineStatuses returns how a machine stands with the checks that have it in their scope: by the id of the check, those
// behind after and at most limit. An archived machine is in no scope.
func (s *Store) MachineStatuses(ctx context.Context, machine, after int64, limit int) ([]MachineStatus, error) {
	rows, _ := s.pool.Query(ctx, statusesOfMachineSQL, machine, after, limit) // its error comes back from CollectRows
	statuses, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m MachineStatus, err error) {
		var w noteColumns
		columns := []any{
			&m.CheckID, &m.CheckName, &m.Severity, &m.Labels, &m.SerialNumber, &m.Status, &m.Previous, &m.Version, &m.Since, &m.At,
		}
		err = row.Scan(append(columns, w.columns()...)...)
		m.Waiver = w.note()
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("statuses of machine %d: %w", machine, err)
	}
	return statuses, nil
}
