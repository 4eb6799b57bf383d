// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

func TestPartitionsAreMadeByWeeksAndOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	if ahead := must(s.PartitionsAhead(t.Context()))(t); ahead != -1 {
		t.Errorf("without partitions: got %d ahead, want -1", ahead)
	}
	var group errgroup.Group
	for range 4 { // several aggregators start at once
		group.Go(func() error { return s.EnsurePartitions(t.Context(), 8) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if ahead := must(s.PartitionsAhead(t.Context()))(t); ahead != 8 {
		t.Errorf("got %d ahead, want 8", ahead)
	}
	const insert = "INSERT INTO change (head, seq, at, root, kinds, delta) VALUES (1, $1, $2, '', '{}', '')"
	for i, at := range []time.Time{time.Now(), time.Now().AddDate(0, 0, -7), time.Now().AddDate(0, 0, 8*7)} {
		if _, err := pool.Exec(t.Context(), insert, i, at); err != nil {
			t.Error(err)
		}
	}
	var partitions, mondays int
	const named = `SELECT count(*), count(*) FILTER (WHERE extract(isodow FROM substr(relname, 8)::date) = 1)
		FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'change'::regclass`
	if err := pool.QueryRow(t.Context(), named).Scan(&partitions, &mondays); err != nil {
		t.Fatal(err)
	}
	if partitions != 10 || mondays != 10 {
		t.Errorf("got %d partitions, %d beginning on a Monday; want 10", partitions, mondays)
	}
}

func TestPartitionsAreMadeBesideAnOpenCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx := must(w.pool.Begin(t.Context()))(t)
	defer func() { _ = tx.Rollback(t.Context()) }() // the test only holds its locks
	if _, err := tx.Exec(t.Context(), "INSERT INTO change (head, seq, at, root, kinds, delta) VALUES (1, 1, now(), '', '{}', '')"); err != nil {
		t.Fatal(err)
	}
	if err := w.EnsurePartitions(t.Context(), 4); err != nil {
		t.Error(err)
	}
}

func TestAWeekThatCannotBeAttachedKeepsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, table := w.weekAgo(1)
	w.exec("ALTER TABLE change DETACH PARTITION " + table)
	w.exec("ALTER TABLE " + table + " ADD COLUMN note text")
	w.oldWeek(2) // so that the one after it is missing
	if err := w.EnsurePartitions(t.Context(), 4); err == nil || !strings.Contains(err.Error(), table) {
		t.Errorf("got %v, want an error that names %s", err, table)
	}
	if ahead := must(w.PartitionsAhead(t.Context()))(t); ahead != 4 {
		t.Errorf("got %d weeks ahead, want 4", ahead)
	}
	w.exec("ALTER TABLE " + table + " DROP COLUMN note")
	if err := w.EnsurePartitions(t.Context(), 4); err != nil {
		t.Errorf("when it can be attached: %v", err)
	}
}

func TestRestoredDatabaseBeginsAnEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := must(w.Epoch(t.Context()))(t)
	if !first.New || first.ID == "" {
		t.Errorf("first call: got %+v, want a new epoch", first)
	}
	if again := must(w.Epoch(t.Context()))(t); again.New || again.ID != first.ID {
		t.Errorf("second call: got %+v, want %s", again, first.ID)
	}
	w.exec("UPDATE database_epoch SET timeline = timeline - 1")
	if restored := must(w.Epoch(t.Context()))(t); !restored.New || restored.ID == first.ID {
		t.Errorf("another timeline: got %+v, want a new epoch", restored)
	}
}

func TestOlderVitalsDoNotTakeThePlaceOfNewerOnes(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	head := w.commit("S", agentSource, report{"disks": {}}).Head
	now := time.Now().Truncate(time.Microsecond)
	if _, err := w.Vitals(ctx, head); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no vitals yet: got %v", err)
	}
	for _, put := range []struct {
		at   time.Time
		body string
	}{{now, `{"a":1}`}, {now.Add(-time.Second), `{"a":2}`}, {now.Add(time.Second), `{"a": 3}`}} {
		if err := errors.Join(w.PutVitals(ctx, head, put.at, []byte(put.body)), w.PutHealth(ctx, head, put.at, []byte(put.body))); err != nil {
			t.Fatal(err)
		}
	}
	for what, got := range map[string]store.Report{"vitals": must(w.Vitals(ctx, head))(t), "health": must(w.Health(ctx, head))(t)} {
		if !got.At.Equal(now.Add(time.Second)) || string(got.Body) != `{"a": 3}` {
			t.Errorf("%s: got %s of %s", what, got.Body, got.At)
		}
	}
	if err := w.PutVitals(ctx, head+1, now, []byte(`{}`)); err != nil {
		t.Errorf("vitals of a head that is gone: got %v", err)
	}
}
