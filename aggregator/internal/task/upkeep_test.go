// SPDX-License-Identifier: Apache-2.0

//go:build unix

package task_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

func TestUpkeepRunsByItself(t *testing.T) {
	t.Parallel()
	dsn, ctx := migrated(t), t.Context()
	a := newAggregator(t, dsn)
	pool := must(store.Open(ctx, dsn))(t)
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	task.Upkeep(a.Queue, 30)

	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO journal (what, at) SELECT 'machine', now() - interval '3 days' FROM generate_series(1, 10500)")
	exec("INSERT INTO journal (what) VALUES ('machine')")
	var monday time.Time
	const weeksAgo = `SELECT (date_trunc('week', now() AT TIME ZONE 'UTC') - interval '9 weeks') AT TIME ZONE 'UTC'`
	if err := pool.QueryRow(ctx, weeksAgo).Scan(&monday); err != nil {
		t.Fatal(err)
	}
	old := monday.UTC().Format("change_20060102")
	exec(fmt.Sprintf("CREATE TABLE %s PARTITION OF change FOR VALUES FROM ('%s') TO ('%s')",
		old, monday.Format(time.RFC3339), monday.AddDate(0, 0, 7).Format(time.RFC3339)))

	a.run()
	for what, sql := range map[string]string{
		"the journal is not trimmed": "SELECT count(*) = 1 FROM journal",
		"the old week is there":      "SELECT to_regclass('" + old + "') IS NULL",
	} {
		var holds bool
		a.eventually(func() bool {
			if err := pool.QueryRow(ctx, sql).Scan(&holds); err != nil {
				t.Fatal(err)
			}
			return holds
		}, func() string { return what })
	}
	a.eventually(func() bool { return must(s.PartitionsAhead(ctx))(t) == task.PartitionsAhead }, func() string { return "too few partitions" })
	for _, name := range []string{"partitions", "retention", "journal", "credentials"} {
		a.eventually(func() bool { return a.counter("rollcall_task_runs_total", "outcome=done", "task="+name) >= 1 },
			func() string { return name + " did not run" })
	}
	if log := a.log.String(); !strings.Contains(log, "history dropped") || strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("log: %s", log)
	}
}
