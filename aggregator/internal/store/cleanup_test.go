// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// age makes a head's first changes look older by so many days: the weeks for them are there.
func (w *world) age(head, through int64, days int) {
	w.t.Helper()
	w.exec("UPDATE change SET at = at - make_interval(days => $3) WHERE head = $1 AND seq <= $2", head, through, days)
	w.exec("UPDATE head SET first_at = first_at - make_interval(days => $2) WHERE id = $1", head, days)
	w.exec("UPDATE head h SET changed_at = c.at FROM change c WHERE h.id = $1 AND c.head = h.id AND c.seq = h.seq", head)
}

func TestCleanedHistoryIsGoneAndNothingElse(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	disk := func(i int) report { return report{"disks": {fmt.Sprintf(`{"name":"sda","size":%d}`, i)}} }
	var moving, still []store.Written
	for _, i := range []int{1, 2, 1, 3, 4} { // the content of the first change comes back with the third
		moving = append(moving, w.commit("moving", agentSource, disk(i)))
	}
	for i := range 3 {
		still = append(still, w.commit("still", agentSource, disk(i)))
	}
	head, old := moving[0].Head, still[0].Head
	w.age(head, 2, 3)
	w.age(old, 3, 3)

	looked, total := int64(0), int64(0)
	got := must(w.CleanHistory(ctx, 2, func(done, all int64) { looked, total = done, all }))(t)
	// Of the moving head changes 1 and 2 go; of the still one 1 and 2, since its newest stays whatever its age.
	if got.Changes != 4 || got.Snapshots != 3 || looked != 2 || total != 2 {
		t.Errorf("got %+v, progress %d of %d", got, looked, total)
	}
	var gone *store.GoneError
	if _, err := w.SectionsAt(ctx, head, got.Until.Add(-time.Hour)); !errors.As(err, &gone) || !gone.Oldest.Equal(got.Until) {
		t.Errorf("before the floor: got %v, want it gone, oldest %s", err, got.Until)
	}
	if m := must(w.SectionsAt(ctx, head, got.Until))(t); m.Seq != 2 {
		t.Errorf("at the floor: got seq %d, want 2", m.Seq)
	}
	w.holds(must(w.SectionsAt(ctx, head, moving[2].At))(t), disk(1))
	w.holds(must(w.SectionsAtSeq(ctx, head, 2))(t), disk(2))
	if _, err := w.SectionsAtSeq(ctx, head, 1); !errors.As(err, &gone) {
		t.Errorf("change 1: got %v, want it gone", err)
	}
	if m := must(w.SectionsAt(ctx, old, got.Until.Add(-time.Minute)))(t); m.Seq != 3 {
		t.Errorf("the newest change holds since before the floor: got seq %d, want 3", m.Seq)
	}
	if counts := must(w.Fsck(ctx, func(problem string) { t.Error(problem) }))(t); counts.Problems != 0 {
		t.Errorf("fsck: %d problems", counts.Problems)
	}
	if again := must(w.CleanHistory(ctx, 2, func(int64, int64) {}))(t); again.Changes != 0 || again.Snapshots != 0 {
		t.Errorf("again: got %+v", again)
	}
}

func TestHistoryIsCleanedInBatches(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	var last store.Written
	for i := range 450 {
		last = w.commit(fmt.Sprint("S", i), agentSource, report{"disks": {}})
	}
	w.exec("INSERT INTO change SELECT head, 0 - n, at - interval '3 days', root, kinds, delta FROM change, generate_series(1, 60) n WHERE seq = 1")
	got := must(w.CleanHistory(ctx, 2, func(int64, int64) {}))(t)
	if got.Changes != 450*60 || got.Snapshots != 0 || got.Batches < 4 {
		t.Errorf("got %+v", got)
	}
	if n := w.count("SELECT count(*) FROM change WHERE head = $1", last.Head); n != 1 {
		t.Errorf("%d changes of a head are left, want its newest", n)
	}
}
