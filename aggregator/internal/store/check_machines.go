// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// CheckMachine is how a machine stands with a check: its result of the current version, or StatusPending while there is
// none.
type CheckMachine struct {
	SerialNumber string
	Status       compliance.Status
	Previous     *compliance.Status // nil: there was no other; of a pending one what an older version said last
	Version      *int               // of the check that was evaluated; nil: none was
	Since        *time.Time         // when Status took the place of Previous; nil: pending
	At           *time.Time         // when it held last; nil: pending
	Waiver       *WaiverNote        // nil: it is not waived
}

// WaiverNote is what a status says of the waiver that keeps it from counting.
type WaiverNote struct {
	ID        int64
	Owner     string
	Reason    string
	ExpiresAt time.Time
}

// CheckMachineFilter narrows a list; zero fields ask for nothing.
type CheckMachineFilter struct {
	Status *compliance.Status
	Waived *bool
}

// A result of the current version belongs to the scope, because commits and evaluations clear the others. Without one a
// machine is pending where a live head of it is in scope.
const listCheckMachinesSQL = `
SELECT * FROM (
	SELECT m.serial_number,
		CASE WHEN r.current THEN r.status ELSE 100 END AS status,
		CASE WHEN r.current THEN r.previous_status ELSE r.status END AS previous_status,
		r.check_version,
		CASE WHEN r.current THEN r.since END,
		CASE WHEN r.current THEN r.last_seen END,
		w.id AS waiver, w.owner, w.reason, w.expires_at
	FROM jmespath_check c
	CROSS JOIN machine m
	LEFT JOIN LATERAL (
		SELECT s.status, s.previous_status, s.check_version, s.since, h.last_seen, s.check_version = c.version AS current
		FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL
		WHERE s.check_id = c.id AND s.machine = m.id
	) r ON true
	LEFT JOIN waiver w ON w.check_id = c.id AND w.machine = m.id AND w.expires_at > now()
	WHERE c.id = $1 AND m.serial_number > $2
	  AND ($4::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($4)))
	  AND (r.current OR (
		(cardinality(c.tags) = 0 OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY (c.tags)))
		AND EXISTS (
			SELECT FROM head h JOIN source o ON o.id = h.source LEFT JOIN head_summary u ON u.head = h.id
			WHERE h.machine = m.id AND h.archived_at IS NULL AND lower(o.name) = lower(c.source_name)
			  AND (cardinality(c.platforms) = 0 OR u.platform = ANY (c.platforms)))))
) AS x
WHERE ($5::smallint IS NULL OR x.status = $5) AND ($6::boolean IS NULL OR (x.waiver IS NOT NULL) = $6)
ORDER BY x.serial_number
LIMIT $3`

// statusMachinesSQL is listCheckMachinesSQL for a status that is stored and that few machines have: it begins with those.
const statusMachinesSQL = `
SELECT m.serial_number, s.status, s.previous_status, s.check_version, s.since, h.last_seen,
       w.id, w.owner, w.reason, w.expires_at
FROM jmespath_check c
JOIN check_status s ON s.check_id = c.id AND s.check_version = c.version AND s.status = $5
JOIN head h ON h.id = s.head AND h.archived_at IS NULL
JOIN machine m ON m.id = s.machine
LEFT JOIN waiver w ON w.check_id = c.id AND w.machine = m.id AND w.expires_at > now()
WHERE c.id = $1 AND m.serial_number > $2
  AND ($4::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($4)))
  AND ($6::boolean IS NULL OR (w.id IS NOT NULL) = $6)
ORDER BY m.serial_number
LIMIT $3`

// CheckMachines returns how the machines in a check's scope and in reach stand with it, those behind the serial number
// after and at most limit of them. Archived machines are out of scope.
func (s *Store) CheckMachines(ctx context.Context, check int64, f CheckMachineFilter, after string, limit int) ([]CheckMachine, error) {
	sql := listCheckMachinesSQL
	if f.Status != nil && *f.Status > compliance.StatusPending {
		sql = statusMachinesSQL
	}
	rows, _ := s.pool.Query(ctx, sql, check, after, limit, auth.ReachOf(ctx).Tags, f.Status, f.Waived) // its error comes back from CollectRows
	machines, err := pgx.CollectRows(rows, scanCheckMachine)
	if err != nil {
		return nil, fmt.Errorf("machines of check %d: %w", check, err)
	}
	return machines, nil
}

func scanCheckMachine(row pgx.CollectableRow) (CheckMachine, error) {
	var m CheckMachine
	var w noteColumns
	err := row.Scan(append([]any{&m.SerialNumber, &m.Status, &m.Previous, &m.Version, &m.Since, &m.At}, w.columns()...)...)
	m.Waiver = w.note()
	return m, err
}
