// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// AuditEntry is a row of the audit log.
type AuditEntry struct {
	ID         int64
	At         time.Time
	ActorKind  string // a auth.Kind, or system: nobody asked for it
	ActorID    *int64 // nil: no user and no service account
	ActorName  string
	Action     string
	Object     string
	ObjectID   string
	ObjectName string
	Before     json.RawMessage // nil: there was nothing
	After      json.RawMessage // nil: there is nothing any more
	Request    json.RawMessage // how the actor asked, without secrets; nil: not over HTTP
}

// AuditFilter says which rows are wanted; what is zero does not matter.
type AuditFilter struct {
	Object, ObjectID, Actor, Action string
	Since, Until                    time.Time // from, and before
}

const (
	auditSQL = `
SELECT id, at, actor_kind, actor_id, actor_name, action, object, object_id, object_name, before, after, request
FROM audit
WHERE id < $1`
	auditObjectSQL   = ` AND object = $2`
	auditObjectIDSQL = ` AND object_id = $3`
	auditRestSQL     = ` AND ($4 = '' OR actor_name = $4) AND ($5 = '' OR action = $5)
  AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
ORDER BY id DESC
LIMIT $8`
	auditNoObjectSQL   = ` AND $2 = ''`
	auditNoObjectIDSQL = ` AND $3 = ''`
)

// ListAudit returns rows of the audit log, the newest first: those before the one with the id before, or with 0 from the
// newest on, and at most limit.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter, before int64, limit int) ([]AuditEntry, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	object, objectID := auditNoObjectSQL, auditNoObjectIDSQL
	if f.Object != "" {
		object = auditObjectSQL
	}
	if f.ObjectID != "" {
		objectID = auditObjectIDSQL
	}
	rows, _ := s.pool.Query(ctx, auditSQL+object+objectID+auditRestSQL, before, f.Object, f.ObjectID, f.Actor, f.Action,
		moment(f.Since), moment(f.Until), limit) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AuditEntry])
	if err != nil {
		return nil, fmt.Errorf("list audit: %w", err)
	}
	return found, nil
}

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
