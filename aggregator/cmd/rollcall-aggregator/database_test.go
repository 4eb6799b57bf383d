// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

func TestAWeekOfThePastDoesNotKeepTheAggregatorFromStarting(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	var log strings.Builder
	p := &program{log: slog.New(slog.NewTextHandler(&log, nil))}
	exec := func(format string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), fmt.Sprintf(format, args...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.ensurePartitions(t.Context(), s); err != nil || log.Len() > 0 {
		t.Fatalf("got %v and %q, want neither", err, &log)
	}
	var past, next string
	const weeks = `SELECT min(relname::text), max(relname::text) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'change'::regclass`
	if err := pool.QueryRow(t.Context(), weeks).Scan(&past, &next); err != nil {
		t.Fatal(err)
	}
	spoil := func(table string) {
		exec("ALTER TABLE change DETACH PARTITION %s", table)
		exec("ALTER TABLE %s ADD COLUMN note text", table)
	}
	monday, err := time.Parse("change_20060102", past)
	if err != nil {
		t.Fatal(err)
	}
	spoil(past)
	before := monday.AddDate(0, 0, -7) // so that there is a hole
	exec("CREATE TABLE %s PARTITION OF change FOR VALUES FROM ('%s') TO ('%s')",
		before.Format("change_20060102"), before.Format(time.RFC3339), monday.Format(time.RFC3339))
	if err := p.ensurePartitions(t.Context(), s); err != nil || !strings.Contains(log.String(), past) {
		t.Errorf("a week of the past: got %v and %q, want a line that names %s", err, &log, past)
	}
	spoil(next)
	if err := p.ensurePartitions(t.Context(), s); err == nil || !strings.Contains(err.Error(), next) {
		t.Errorf("a week to come: got %v, want an error that names %s", err, next)
	}
}
