// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// One statement sees one moment, at which every transaction had settled what it changed. Machines with a waiver whose end
// nobody has noticed yet are left out.
const wrongComplianceSQL = `
WITH c AS MATERIALIZED (
    SELECT m.id AS machine, m.serial_number, p.status AS stored
    FROM machine m LEFT JOIN machine_compliance p ON p.machine = m.id
    WHERE m.id > $1 ORDER BY m.id LIMIT $2
), judged AS (
    SELECT c.*, ` + worstOf + ` AS status,
           EXISTS (SELECT FROM waiver w WHERE w.machine = c.machine AND w.expires_at <= clock_timestamp() AND w.ended_at IS NULL) AS expiring
    FROM c
)
SELECT (SELECT max(machine) FROM c), (SELECT count(*) FROM c), serial_number, stored, status
FROM (SELECT) one LEFT JOIN judged ON stored IS DISTINCT FROM status AND NOT expiring
ORDER BY machine`

// compliance compares the overall status of every machine with its statuses.
func (f *fsck) compliance(ctx context.Context) error {
	const batch = 2000
	for after := int64(0); ; {
		var last *int64
		var machines int
		var serial *string
		var stored, status *compliance.Status
		rows, _ := f.store.pool.Query(ctx, wrongComplianceSQL, after, batch) // its error comes back from ForEachRow
		_, err := pgx.ForEachRow(rows, []any{&last, &machines, &serial, &stored, &status}, func() error {
			if serial != nil {
				f.problem("overall status of machine %s: %s, its statuses make %s", *serial, statusText(stored), statusText(status))
			}
			return nil
		})
		if err != nil || machines < batch || last == nil {
			return err
		}
		after = *last
	}
}

func statusText(s *compliance.Status) string {
	if s == nil {
		return "none"
	}
	return fmt.Sprint(*s)
}
