// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// auditEntry is one change in the audit log.
type auditEntry struct {
	ID         int64           `json:"id"`
	At         time.Time       `json:"at"`
	Actor      actor           `json:"actor"`
	Action     string          `json:"action"`
	Object     string          `json:"object"`
	ObjectID   string          `json:"object_id"`
	ObjectName string          `json:"object_name"`
	Before     json.RawMessage `json:"before"`
	After      json.RawMessage `json:"after"`
	Request    json.RawMessage `json:"request"`
}

// actor is who did it.
type actor struct {
	Kind string `json:"kind"`
	ID   *int64 `json:"id"`
	Name string `json:"name"`
}

// listAudit lists who changed what, the newest change first.
func (a *API) listAudit(w http.ResponseWriter, r *http.Request) error {
	list := a.list("audit")
	q, err := api.ParseQuery(r, "object", "object_id", "actor", "action", "since", "until", "cursor", "limit")
	if err != nil {
		return err
	}
	filter := store.AuditFilter{Object: q.Text("object"), ObjectID: q.Text("object_id"), Actor: q.Text("actor"), Action: q.Text("action")}
	if filter.Since, err = q.Time("since"); err != nil {
		return err
	}
	if filter.Until, err = q.Time("until"); err != nil {
		return err
	}
	limit, err := q.Limit()
	if err != nil {
		return err
	}
	var before int64
	if err := api.DecodeCursor(list, q.Text("cursor"), &before); err != nil {
		return err
	}
	found, err := a.store.ListAudit(r.Context(), filter, before, limit)
	if err != nil {
		return err
	}
	entries := []auditEntry{}
	for _, e := range found {
		entries = append(entries, auditEntry{
			ID: e.ID, At: e.At.UTC(), Actor: actor{e.ActorKind, e.ActorID, e.ActorName}, Action: e.Action, Object: e.Object,
			ObjectID: e.ObjectID, ObjectName: e.ObjectName, Before: e.Before, After: e.After, Request: e.Request,
		})
	}
	next := nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, map[string]any{"entries": entries, "next_cursor": next})
}
