// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// JournalEntry is one thing that a reader of the inventory may now see.
type JournalEntry struct {
	Position
	At      time.Time
	What    string // commit, archive, revive, prune, tag, status, compliance, check, machine, conflict, audit or event
	Machine int64  // 0: none
	Head    int64  // 0: none
	Seq     int64  // of the head's change; 0: none
	Detail  string
	Body    json.RawMessage // by What; nil: nothing is said
}

// Position is a place in the journal. Positions are ordered by XID, then ID; the zero Position is before everything.
type Position struct {
	XID uint64
	ID  int64
}

// Below the oldest transaction that still runs nothing can be added any more. A reader that went by id or by time
// alone would pass over the rows of transactions that commit late.
const tailSQL = `
SELECT xid::text::bigint, id, at, what, coalesce(machine, 0), coalesce(head, 0), coalesce(seq, 0), detail, body::text
FROM journal
WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id
LIMIT $3`

// Tail returns up to limit entries behind a position, in order. An entry is returned once every earlier one is: what
// an open transaction will add comes later, together with everything behind it. Applying an entry twice must do no
// harm, since a reader may stop between applying and remembering its position.
func (s *Store) Tail(ctx context.Context, after Position, limit int) ([]JournalEntry, error) {
	rows, _ := s.pool.Query(ctx, tailSQL, fmt.Sprint(after.XID), after.ID, limit) // its error comes back from CollectRows
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (JournalEntry, error) {
		var e JournalEntry
		var xid int64
		var body *string
		err := row.Scan(&xid, &e.ID, &e.At, &e.What, &e.Machine, &e.Head, &e.Seq, &e.Detail, &body)
		e.XID = uint64(xid)
		if body != nil {
			e.Body = json.RawMessage(*body)
		}
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("tail the journal: %w", err)
	}
	return entries, nil
}
