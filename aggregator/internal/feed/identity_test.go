// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Receivers know events by these ids: they are the same in every version of the program.
func TestIDsOfBatchesNeverChange(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC)
	source := store.Source{Module: "rollcall.agent", Name: "rollcall"}
	tests := []struct{ name, got, want string }{
		{"a change", commitBatch("C02AAA", source, &store.Change{Seq: 3, At: at}).String(), "6908810e-7ea2-5268-9f9a-6096dc00ad1f"},
		{"an entry of the journal", entryBatch("C02AAA", &store.JournalEntry{Position: store.Position{XID: 7, ID: 8}, What: "tag", At: at}).String(), "bfae99f2-fba0-575b-a6c6-64d0eaf789a4"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, test.got, test.want)
		}
	}
}
