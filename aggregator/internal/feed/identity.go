// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// batches is the namespace of the ids of batches. It never changes.
var batches = uuid.MustParse("3c0e1f57-7d0b-5f6e-9a41-6d0f0f4b2a9e")

// batchOf returns the id of the batch with these words. They name what happened, and no row of the database: so the id
// is the same when a dump is read elsewhere, and another one for what happens there instead.
func batchOf(words ...string) uuid.UUID {
	return uuid.NewSHA1(batches, []byte(strings.Join(words, "\x00")))
}

// micro spells a moment as exactly as the database keeps it.
func micro(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 10) }

// commitBatch names a change: what one source said of one machine, for which time, and when.
func commitBatch(serial string, source store.Source, change *store.Change) uuid.UUID {
	return batchOf("commit", serial, source.Module, source.Name, source.Config, strconv.FormatInt(change.Seq, 10), micro(change.At))
}

// entryBatch names what only the journal has.
func entryBatch(serial string, e *store.JournalEntry) uuid.UUID {
	return batchOf(e.What, serial, strconv.FormatUint(e.XID, 10), strconv.FormatInt(e.ID, 10), micro(e.At))
}

// sourceJSON returns a source as payloads have it.
func sourceJSON(s store.Source) json.RawMessage {
	m := &inventoryv1.Source{Module: proto.String(s.Module), Name: proto.String(s.Name)}
	if s.Config != "" {
		m.Config = proto.String(s.Config)
	}
	raw, err := asset.JSON(m)
	if err != nil { // the configuration is none that the aggregator stored
		raw, _ = asset.JSON(&inventoryv1.Source{Module: &s.Module, Name: &s.Name})
	}
	return raw
}
