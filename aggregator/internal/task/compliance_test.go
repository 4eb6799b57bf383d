// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

func TestWaiversExpireAndChecksAreCountedByThemselves(t *testing.T) {
	t.Parallel()
	dsn, ctx := migrated(t), t.Context()
	a := newAggregator(t, dsn)
	pool := must(store.Open(ctx, dsn))(t)
	t.Cleanup(pool.Close)
	task.Compliance(a.Queue)
	for _, sql := range []string{
		"INSERT INTO machine (serial_number) SELECT 'S' || i FROM generate_series(1, 600) i",
		"INSERT INTO jmespath_check (name, source_name, jmespath_expression) VALUES ('c', 's', 'a')",
		"INSERT INTO waiver (check_id, machine, owner, reason, expires_at) SELECT c.id, m.id, 'o', 'r', now() FROM jmespath_check c, machine m",
	} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	a.run()
	for what, sql := range map[string]string{
		"waivers have not ended":  "SELECT NOT EXISTS (SELECT FROM waiver WHERE ended_at IS NULL)",
		"the check has no day":    "SELECT count(*) = 1 FROM check_history",
		"the journal is not read": "SELECT count(*) = 1 FROM check_history_cursor",
	} {
		a.eventually(func() (holds bool) {
			if err := pool.QueryRow(ctx, sql).Scan(&holds); err != nil {
				t.Fatal(err)
			}
			return holds
		}, func() string { return what })
	}
}
