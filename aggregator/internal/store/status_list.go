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

// CheckStatus is the stored result of a check for one machine.
type CheckStatus struct {
	SerialNumber string
	Status       compliance.Status
	Previous     *compliance.Status // nil: there was no other
	Version      int                // of the check that was evaluated
	Since        time.Time          // when Status took the place of Previous
	At           time.Time          // when it held last: the head's last_seen while Version is the check's, else Since
	Waiver       *WaiverNote        // nil: not waived
}

// A commit evaluates what it affects in its own transaction. So a status of the current version holds for the head as
// it is now, whatever seq it was computed at.
const listStatusesSQL = `
SELECT m.serial_number, s.status, s.previous_status, s.check_version, s.since,
       CASE WHEN s.check_version = c.version THEN h.last_seen ELSE s.since END, w.id, w.owner, w.reason, w.expires_at
FROM check_status s
JOIN jmespath_check c ON c.id = s.check_id
JOIN head h ON h.id = s.head AND h.archived_at IS NULL
JOIN machine m ON m.id = s.machine
LEFT JOIN waiver w ON w.check_id = s.check_id AND w.machine = s.machine AND w.expires_at > now()
WHERE s.check_id = $1 AND m.serial_number > $2
  AND ($4::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($4)))
ORDER BY m.serial_number
LIMIT $3`

// ListStatuses returns the stored statuses of a check, of any version, for the machines behind the serial number after,
// at most limit of them. Machines that are archived, not evaluated yet, or out of reach, have none.
func (s *Store) ListStatuses(ctx context.Context, check int64, after string, limit int) ([]CheckStatus, error) {
	rows, _ := s.pool.Query(ctx, listStatusesSQL, check, after, limit, auth.ReachOf(ctx).Tags) // its error comes back from CollectRows
	statuses, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c CheckStatus, err error) {
		var w noteColumns
		columns := []any{&c.SerialNumber, &c.Status, &c.Previous, &c.Version, &c.Since, &c.At}
		err = row.Scan(append(columns, w.columns()...)...)
		c.Waiver = w.note()
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("statuses of check %d: %w", check, err)
	}
	return statuses, nil
}

// noteColumns are the columns of a waiver that may not be there.
type noteColumns struct {
	id            *int64
	owner, reason *string
	expiresAt     *time.Time
}

func (n *noteColumns) columns() []any { return []any{&n.id, &n.owner, &n.reason, &n.expiresAt} }

func (n *noteColumns) note() *WaiverNote {
	if n.id == nil || n.owner == nil || n.reason == nil || n.expiresAt == nil { // all of them or none
		return nil
	}
	return &WaiverNote{ID: *n.id, Owner: *n.owner, Reason: *n.reason, ExpiresAt: *n.expiresAt}
}
