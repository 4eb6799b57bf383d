// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// newEvent is an event that no other row tells: it is kept as receivers get it.
type newEvent struct {
	Type      string              `json:"type"`
	Namespace string              `json:"namespace"`
	Tags      []string            `json:"tags,omitempty"`
	Payload   any                 `json:"payload"` // encodes as a JSON object
	Objects   map[string][]string `json:"objects,omitempty"`
	Request   json.RawMessage     `json:"request,omitempty"` // as auth.Request has it
}

const insertEventSQL = `INSERT INTO journal (what, body) VALUES ('event', $1)`

// recordEvent adds an event about no machine to the journal, within the transaction that does what it tells of.
func recordEvent(ctx context.Context, tx querier, e newEvent) error {
	if request := requestOf(ctx); e.Request == nil && request != nil {
		e.Request = json.RawMessage(*request)
	}
	body, err := json.Marshal(e)
	if err == nil {
		_, err = tx.Exec(ctx, insertEventSQL, string(body))
	}
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Type, err)
	}
	return nil
}
