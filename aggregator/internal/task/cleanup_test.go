// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestCleanupSpeaksOfTheContractsTables(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 3600))
	raw, err := json.Marshal(cleanupOf(30, store.Cleaned{Until: until, Changes: 12, Snapshots: 3, Batches: 2}, 400*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Tables map[string]struct {
			Attempts, RowCount int
		}
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for name, table := range got.Tables {
		if name != commitTable && !strings.HasPrefix(name, "inventory_") || table.Attempts < 1 {
			t.Errorf("table %s: got %+v", name, table)
		}
		rows += table.RowCount
	}
	if len(got.Tables) != 24 || rows != 15 {
		t.Errorf("got %d tables with %d rows, want 24 with 15", len(got.Tables), rows)
	}
	for _, want := range []string{
		`"days":30,"max_date":"2026-01-02T02:04:05.600000"`, `"machine_snapshot_commit":{"attempts":2,"rowcount":12,"duration":0.4,"status":0}`,
		`"inventory_ec2instancetag":{"attempts":1,"rowcount":0,"duration":0,"status":0}`, `"duration":0.4}`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("got %s, want it to have %s", raw, want)
		}
	}
	if whole := (&store.Cleaned{Until: time.Unix(0, 0)}).MaxDate(); whole != "1970-01-01T00:00:00" {
		t.Errorf("a whole second: got %s", whole)
	}
}
