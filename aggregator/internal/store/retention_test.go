// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// keptDays is the retention of these tests: four weeks, and with them the week that they began in.
const keptDays = 28

// weekAgo returns the Monday that begins the week n weeks ago, and the name of its partition.
func (w *world) weekAgo(n int) (monday time.Time, table string) {
	monday = w.lastMonday().AddDate(0, 0, -7*(n-1)).UTC()
	return monday, monday.Format("change_20060102")
}

// oldWeek makes the partition of a week that is over.
func (w *world) oldWeek(n int) string {
	w.t.Helper()
	monday, table := w.weekAgo(n)
	w.exec(fmt.Sprintf("CREATE TABLE %s PARTITION OF change FOR VALUES FROM ('%s') TO ('%s')",
		table, monday.Format(time.RFC3339), monday.AddDate(0, 0, 7).Format(time.RFC3339)))
	return table
}

// weeks lists the partitions that are attached.
func (w *world) weeks() []string {
	w.t.Helper()
	rows, _ := w.pool.Query(w.t.Context(), `SELECT relname::text FROM pg_inherits JOIN pg_class ON oid = inhrelid
		WHERE inhparent = 'change'::regclass AND NOT inhdetachpending ORDER BY relname`)
	return must(pgx.CollectRows(rows, pgx.RowTo[string]))(w.t)
}

func (w *world) exists(table string) bool {
	w.t.Helper()
	return w.count("SELECT count(*) FROM pg_class WHERE oid = to_regclass($1)", table) == 1
}

// aged is a head with a change in each of the weeks 8, 6, 2 and now; the third disk came in week 2.
func (w *world) aged() (head int64, at []time.Time) {
	w.t.Helper()
	for _, n := range []int{8, 6} {
		w.oldWeek(n)
	}
	if err := w.EnsurePartitions(w.t.Context(), 2); err != nil { // and those between
		w.t.Fatal(err)
	}
	for i, n := range []int{8, 6, 2, 0} {
		wrote := w.commit("S", agentSource, report{"disks": {disk(i)}})
		head, at = wrote.Head, append(at, wrote.At)
		if n == 0 {
			break
		}
		monday, _ := w.weekAgo(n)
		at[i] = monday.Add(30 * time.Hour)
		w.exec("UPDATE change SET at = $1 WHERE head = $2 AND seq = $3", at[i], head, i+1)
		w.exec("UPDATE head SET changed_at = $1, first_at = least(first_at, $1) WHERE id = $2", at[i], head)
	}
	return head, at
}

func disk(i int) string { return fmt.Sprintf(`{"name":"sda","size":%d}`, i) }

func TestExpiredWeeksAreDroppedAndTheRestAgrees(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	head, at := w.aged()
	before := w.weeks()
	w.holds(must(w.SectionsAt(ctx, head, at[1]))(t), report{"disks": {disk(1)}})

	dropped := must(w.DropExpiredWeeks(ctx, keptDays))(t)
	oldest, oldestTable := w.weekAgo(4) // the one around the moment four weeks ago
	if i := slices.Index(before, oldestTable); i < 0 || !slices.Equal(dropped, before[:i]) || !slices.Equal(w.weeks(), before[i:]) {
		t.Fatalf("dropped %v of %v, left %v; want %s and later left", dropped, before, w.weeks(), oldestTable)
	}
	for _, table := range dropped {
		if w.exists(table) {
			t.Errorf("%s is still there", table)
		}
	}
	for i := range 2 {
		_, err := w.SectionsAt(ctx, head, at[i])
		if gone, ok := errors.AsType[*store.GoneError](err); !ok || !gone.Oldest.Equal(oldest) {
			t.Errorf("change %d: got %v, want gone, the oldest of %s", i+1, err, oldest)
		}
	}
	w.holds(must(w.SectionsAt(ctx, head, oldest))(t), report{"disks": {disk(1)}})
	for i := 2; i < 4; i++ {
		w.holds(must(w.SectionsAt(ctx, head, at[i]))(t), report{"disks": {disk(i)}})
	}
	if _, err := w.SectionsAtSeq(ctx, head, 1); !isGone(err) {
		t.Errorf("change 1: got %v, want gone", err)
	}
	if changes := must(w.ListChanges(ctx, head, store.ChangeFilter{Limit: 10}))(t); len(changes) != 2 || changes[1].Seq != 3 {
		t.Errorf("got %d changes, want 3 and 4", len(changes))
	}
	var problems []string
	must(w.Fsck(ctx, func(problem string) { problems = append(problems, problem) }))(t)
	if len(problems) > 0 {
		t.Errorf("fsck: %s", strings.Join(problems, "\n"))
	}
	if again := must(w.DropExpiredWeeks(ctx, keptDays))(t); len(again) > 0 {
		t.Errorf("a second time: dropped %v", again)
	}
	if err := w.EnsurePartitions(ctx, 2); err != nil || !slices.Contains(w.weeks(), oldestTable) || slices.Contains(w.weeks(), dropped[len(dropped)-1]) {
		t.Errorf("made again: %v, %v", w.weeks(), err)
	}
}

func TestAHeadWhoseHistoryIsGoneStays(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.oldWeek(8)
	wrote := w.commit("S", agentSource, report{"disks": {disk(0)}, "deb_packages": debs(3)})
	monday, _ := w.weekAgo(8)
	w.exec("UPDATE change SET at = $1", monday.Add(time.Hour))
	w.exec("UPDATE head SET changed_at = $1, first_at = $1", monday.Add(time.Hour))
	if dropped := must(w.DropExpiredWeeks(ctx, 1))(t); len(dropped) == 0 {
		t.Fatal("nothing dropped")
	}
	if n := w.count("SELECT count(*) FROM change"); n != 0 {
		t.Fatalf("%d changes left", n)
	}
	for _, at := range []time.Time{{}, monday.Add(time.Hour), monday.AddDate(0, 0, 20)} {
		w.holds(must(w.SectionsAt(ctx, wrote.Head, at))(t), report{"disks": {disk(0)}, "deb_packages": debs(3)})
	}
	next := w.commit("S", agentSource, report{"disks": {disk(1)}})
	w.holds(must(w.SectionsAt(ctx, wrote.Head, next.At.Add(-time.Microsecond)))(t), report{"disks": {disk(0)}})
	// Everything since its first change is kept, so that one is known.
	w.holds(must(w.SectionsAt(ctx, wrote.Head, monday.Add(2*time.Hour)))(t), report{"disks": {disk(0)}})
}

func TestTheShortestRetentionLeavesRoomToWrite(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for range 2 { // as by the hour
		must(w.DropExpiredWeeks(ctx, 1))(t)
		if err := w.EnsurePartitions(ctx, 2); err != nil {
			t.Fatal(err)
		}
	}
	if ahead := must(w.PartitionsAhead(ctx))(t); ahead != 2 {
		t.Errorf("got %d weeks ahead, want 2", ahead)
	}
	if dropped := must(w.DropExpiredWeeks(ctx, 1))(t); len(dropped) > 0 {
		t.Errorf("%v was made and dropped again", dropped)
	}
	w.commit("S", agentSource, report{"disks": {disk(0)}})
}

func TestADetachmentThatWasInterruptedIsFinished(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		interrupt func(w *world, table string)
	}{
		{"between detaching and dropping", func(w *world, table string) {
			w.exec("ALTER TABLE change DETACH PARTITION " + table)
		}},
		{"in the middle of detaching", func(w *world, table string) {
			reader := must(w.pool.Begin(w.t.Context()))(w.t)
			defer func() { _ = reader.Rollback(w.t.Context()) }() // it only reads
			if _, err := reader.Exec(w.t.Context(), "SELECT count(*) FROM change"); err != nil {
				w.t.Fatal(err)
			}
			conn := must(w.pool.Acquire(w.t.Context()))(w.t)
			defer conn.Release()
			_, err := conn.Exec(w.t.Context(), "SET lock_timeout = '10ms'")
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := conn.Exec(w.t.Context(), "ALTER TABLE change DETACH PARTITION "+table+" CONCURRENTLY"); err == nil {
				w.t.Fatal("a reader was there, and it was detached all the same")
			}
			if _, err := conn.Exec(w.t.Context(), "RESET lock_timeout"); err != nil {
				w.t.Fatal(err)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, ctx := newWorld(t), t.Context()
			head, _ := w.aged()
			_, table := w.weekAgo(8)
			test.interrupt(w, table)
			if err := w.EnsurePartitions(ctx, 3); err != nil {
				t.Errorf("partitions meanwhile: %v", err)
			}
			w.commit("T", agentSource, report{"disks": {disk(0)}})
			if changes := must(w.ListChanges(ctx, head, store.ChangeFilter{Limit: 10}))(t); len(changes) != 3 {
				t.Errorf("%d changes are seen, want the 3 of other weeks", len(changes))
			}
			dropped := must(w.DropExpiredWeeks(ctx, keptDays))(t)
			if !slices.Contains(dropped, table) || w.exists(table) {
				t.Errorf("%s is there: %v; dropped %v", table, w.exists(table), dropped)
			}
		})
	}
}

func TestAWeekThatCannotBeDroppedKeepsNoOther(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.aged()
	_, table := w.weekAgo(8)
	_, next := w.weekAgo(7)
	w.exec("CREATE VIEW report AS SELECT head FROM " + table)
	dropped, err := w.DropExpiredWeeks(ctx, keptDays)
	if err == nil || !strings.Contains(err.Error(), table) {
		t.Errorf("got %v, want an error that names %s", err, table)
	}
	if slices.Contains(dropped, table) || !slices.Contains(dropped, next) || w.exists(next) {
		t.Errorf("dropped %v, want %s and later", dropped, next)
	}
	w.exec("DROP VIEW report")
	if dropped := must(w.DropExpiredWeeks(ctx, keptDays))(t); !slices.Equal(dropped, []string{table}) {
		t.Errorf("without the view: dropped %v, want %s", dropped, table)
	}
}

func TestADetachedWeekThatIsWantedIsAttachedAgain(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	head, at := w.aged()
	_, table := w.weekAgo(2)
	w.exec("ALTER TABLE change DETACH PARTITION " + table)
	if _, err := w.SectionsAt(ctx, head, at[1]); !isGone(err) {
		t.Errorf("with a hole: got %v, want gone", err)
	}
	must(w.DropExpiredWeeks(ctx, 60))(t)
	if err := w.EnsurePartitions(ctx, 2); err != nil {
		t.Fatal(err)
	}
	w.holds(must(w.SectionsAt(ctx, head, at[1]))(t), report{"disks": {disk(1)}})
	w.holds(must(w.SectionsAt(ctx, head, at[2]))(t), report{"disks": {disk(2)}})
}

// What matters is the order: a push that waited for the reader would never come to its end here.
func TestPushesAndReadsGoOnWhileRetentionWaitsForAReader(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	head, at := w.aged()
	_, table := w.weekAgo(8)
	reader := must(w.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}))(t)
	defer func() { _ = reader.Rollback(context.WithoutCancel(ctx)) }() // it only reads
	read := func() (n int) {
		t.Helper()
		if err := reader.QueryRow(ctx, "SELECT count(*) FROM change").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	seen := read()
	done := make(chan error, 1)
	go func() {
		_, err := w.DropExpiredWeeks(ctx, keptDays)
		done <- err
	}()
	w.waitUntil("SELECT count(*) FROM pg_inherits WHERE inhdetachpending")
	for i := range 20 {
		wrote := w.commit("S", agentSource, report{"disks": {disk(10 + i)}})
		if !must(w.TouchHead(ctx, store.CheckIn{Head: wrote.Head, Root: must(w.FindHead(ctx, "S", ""))(t).Root, Instance: []byte{}, Counter: uint64(i + 1)}))(t) {
			t.Error("a check-in was not written")
		}
	}
	w.holds(must(w.SectionsAt(ctx, head, at[2]))(t), report{"disks": {disk(2)}})
	must(w.Stats(ctx))(t)
	if err := w.EnsurePartitions(ctx, 2); err != nil { // as when another aggregator starts
		t.Error(err)
	}
	select {
	case err := <-done:
		t.Fatalf("retention did not wait for the reader: %v", err)
	default:
	}
	if again := read(); again != seen || !w.exists(table) {
		t.Errorf("the reader sees %d changes, before %d", again, seen)
	}
	if err := reader.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if w.exists(table) {
		t.Errorf("%s is still there", table)
	}
}

func TestPartitionsAndRetentionDoNotDeadlock(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.aged()
	var group errgroup.Group
	for ahead := 3; ahead < 12; ahead++ { // each has something to make
		group.Go(func() error { return w.EnsurePartitions(ctx, ahead) })
	}
	group.Go(func() error {
		_, err := w.DropExpiredWeeks(ctx, keptDays)
		return err
	})
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if ahead := must(w.PartitionsAhead(ctx))(t); ahead != 11 {
		t.Errorf("got %d weeks ahead, want 11", ahead)
	}
}
