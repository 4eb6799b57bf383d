// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// cleanupTags are those that the outside contract gives to both events of a cleanup, in order.
var cleanupTags = []string{"inventory", "inventory_cleanup", "zentral"}

// cleanupBegun is what the outside contract says of a cleanup that begins.
type cleanupBegun struct {
	Days    int    `json:"days"`
	MaxDate string `json:"max_date"`
}

// MaxDate spells the moment before which changes go as the outside contract does.
func (c *Cleaned) MaxDate() string { return normal.Datetime(c.Until) }

func recordCleanupBegun(ctx context.Context, tx querier, days int, c *Cleaned) error {
	return recordEvent(ctx, tx, cleanupEvent("inventory_cleanup_started", cleanupBegun{Days: days, MaxDate: c.MaxDate()}))
}

// RecordCleanupFinished adds the event of a cleanup that is over; cleanup is what the outside contract says of it.
func (s *Store) RecordCleanupFinished(ctx context.Context, cleanup any) error {
	return recordEvent(ctx, s.pool, cleanupEvent("inventory_cleanup_finished", cleanup))
}

func cleanupEvent(name string, cleanup any) newEvent {
	return newEvent{Type: name, Namespace: name, Tags: cleanupTags, Payload: map[string]any{"cleanup": cleanup}}
}
