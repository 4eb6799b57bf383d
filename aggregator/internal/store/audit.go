// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Audit is one change that somebody made on purpose: what it was done to, and that thing before and after.
type Audit struct {
	Action     string // created, updated, deleted, tagged, archived, pruned …
	Object     string // what was changed, in the words of the API: tag, machine, enrollment …
	ObjectID   string
	ObjectName string
	Before     any // encoded as JSON, without secrets; nil: there was nothing
	After      any // encoded as JSON, without secrets; nil: there is nothing any more

	Request *auth.Request // how it was asked for when no principal says so; nil: nobody asked
}

// Machines have events of their own: see the journal's other rows.
const recordSQL = `
WITH entry AS (
	INSERT INTO audit (actor_kind, actor_id, actor_name, request, action, object, object_id, object_name, before, after)
	SELECT $1, $2, $3, $4::json, o.* FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::json[], $10::json[]) AS o
	RETURNING id, object
)
INSERT INTO journal (what, detail) SELECT 'audit', id::text FROM entry WHERE object <> 'machine' ORDER BY id`

// record adds to the audit log, and to the journal, what the principal of the context did, within the transaction that
// does it.
func record(ctx context.Context, tx querier, entries ...Audit) error {
	if len(entries) == 0 {
		return nil
	}
	kind, id, name := actorOf(ctx)
	var actions, objects, ids, names []string
	var before, after []*string
	for _, e := range entries {
		was, err := auditJSON(e.Before)
		if err != nil {
			return err
		}
		is, err := auditJSON(e.After)
		if err != nil {
			return err
		}
		actions, objects, ids, names = append(actions, e.Action), append(objects, e.Object), append(ids, e.ObjectID), append(names, e.ObjectName)
		before, after = append(before, was), append(after, is)
	}
	request := requestOf(ctx)
	if asked := entries[0].Request; asked != nil && request == nil { // such an entry comes alone
		text := string(asked.JSON())
		request = &text
	}
	_, err := tx.Exec(ctx, recordSQL, kind, id, name, request, actions, objects, ids, names, before, after)
	if err != nil {
		return fmt.Errorf("audit %s of %s: %w", entries[0].Action, entries[0].Object, err)
	}
	return nil
}

// requestOf is how the principal of the context asked, as JSON; nil when nobody did over HTTP.
func requestOf(ctx context.Context) *string {
	p, _ := auth.PrincipalOf(ctx)
	raw := p.RequestJSON()
	if raw == nil {
		return nil
	}
	text := string(raw)
	return &text
}

// actorOf is who acts: the principal of the context, or the program itself.
func actorOf(ctx context.Context) (kind string, id *int64, name string) {
	p, ok := auth.PrincipalOf(ctx)
	if !ok {
		return "system", nil, ""
	}
	if p.ID != 0 {
		id = &p.ID
	}
	return string(p.Kind), id, p.Name
}

func auditJSON(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	text := string(raw)
	return &text, nil
}
