// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

var (
	instanceA = []byte("aaaaaaaaaaaaaaaa")
	instanceB = []byte("bbbbbbbbbbbbbbbb")
)

// stamped makes a commit one of an agent.
func stamped(instance []byte, counter uint64) func(*store.Commit) {
	return func(c *store.Commit) { c.Stamp = &store.Stamp{Instance: instance, Counter: counter} }
}

// emptyRoot is the root of a snapshot with an empty section.
func emptyRoot(kind string) asset.Digest {
	return snapshot.Root(map[string]asset.Digest{kind: snapshot.Digest(kind, nil)})
}

func (w *world) touches(c store.CheckIn) bool {
	w.t.Helper()
	return must(w.TouchHead(w.t.Context(), c))(w.t)
}

func TestACheckInCountsWhenItFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	written := w.commit("S1", agentSource, report{"disks": {}}, stamped(instanceA, 5))
	good := store.CheckIn{Head: written.Head, Root: emptyRoot("disks"), Instance: instanceA, Counter: 6}
	change := func(f func(*store.CheckIn)) store.CheckIn {
		c := good
		f(&c)
		return c
	}
	tests := []struct {
		name string
		c    store.CheckIn
		want bool
	}{
		{"another root", change(func(c *store.CheckIn) { c.Root[0]++ }), false},
		{"another agent process", change(func(c *store.CheckIn) { c.Instance = instanceB }), false},
		{"the last counter", change(func(c *store.CheckIn) { c.Counter = 5 }), false},
		{"a lower counter", change(func(c *store.CheckIn) { c.Counter = 4 }), false},
		{"another head", change(func(c *store.CheckIn) { c.Head = 4711 }), false},
		{"current", good, true},
		{"the same again", good, false},
		{"the next", change(func(c *store.CheckIn) { c.Counter = 9 }), true},
	}
	const row = `SELECT commits * 1000 + counter FROM head`
	last := w.count(row)
	for _, test := range tests {
		if got := w.touches(test.c); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		want := last
		if test.want {
			want = last/1000*1000 + 1000 + int(test.c.Counter)
		}
		if last = w.count(row); last != want {
			t.Errorf("%s: commits and counter %d, want %d", test.name, last, want)
		}
	}
	if got := w.count("SELECT count(*) FROM journal"); got != 1 {
		t.Errorf("journal: got %d rows, want that of the commit", got)
	}
}

func TestLastSeenDoesNotGoBackInACheckIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	written := w.commit("S1", agentSource, report{"disks": {}}, stamped(instanceA, 1))
	w.exec("UPDATE head SET last_seen = now() + interval '1 hour'")
	c := store.CheckIn{Head: written.Head, Root: emptyRoot("disks"), Instance: instanceA, Counter: 2}
	if !w.touches(c) {
		t.Fatal("not touched")
	}
	if w.count("SELECT count(*) FROM head WHERE last_seen > now() + interval '50 minutes' AND commits = 1") != 1 {
		t.Error("last_seen went back, or the commit was counted")
	}
}

func TestACheckInRevives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	written := w.commit("S1", agentSource, report{"disks": {}}, stamped(instanceA, 1))
	must(w.Archive(t.Context(), []string{"S1"}))(t)
	c := store.CheckIn{Head: written.Head, Root: emptyRoot("disks"), Instance: instanceA, Counter: 2}
	if !w.touches(c) {
		t.Fatal("not touched")
	}
	c.Counter++
	w.touches(c)
	const revived = `SELECT count(*) FROM journal j JOIN head h ON h.id = j.head AND h.machine = j.machine
		WHERE j.what = 'revive' AND h.archived_at IS NULL`
	if got := w.count(revived); got != 1 {
		t.Errorf("got %d rows, want 1", got)
	}
}

func TestARevivalThatFailsFailsNoOtherCheckIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heads := make([]int64, 6) // those that share a shard are batched together
	for i := range heads {
		heads[i] = w.commit(fmt.Sprint("S", i), agentSource, report{"disks": {}}, stamped(instanceA, 1)).Head
	}
	const asleep = 2
	must(w.Archive(t.Context(), []string{fmt.Sprint("S", asleep)}))(t)
	w.exec("ALTER TABLE machine_compliance RENAME TO away")
	var group sync.WaitGroup
	for i, head := range heads {
		group.Go(func() {
			c := store.CheckIn{Head: head, Root: emptyRoot("disks"), Instance: instanceA, Counter: 2}
			if touched, err := w.TouchHead(t.Context(), c); err != nil || touched != (i != asleep) {
				t.Errorf("head %d: got %v, %v", head, touched, err)
			}
		})
	}
	group.Wait()
	if w.count("SELECT count(*) FROM head WHERE archived_at IS NOT NULL AND counter = 1") != 1 {
		t.Error("the archived head was written")
	}
}

func TestACheckInDoesNotWaitForAPush(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	locked := w.commit("S1", agentSource, report{"disks": {}}, stamped(instanceA, 1))
	free := w.commit("S2", agentSource, report{"disks": {}}, stamped(instanceA, 1))
	tx := must(w.pool.Begin(ctx))(t)
	if _, err := tx.Exec(ctx, "SELECT FROM head WHERE id = $1 FOR NO KEY UPDATE", locked.Head); err != nil {
		t.Fatal(err)
	}
	c := store.CheckIn{Head: locked.Head, Root: emptyRoot("disks"), Instance: instanceA, Counter: 2}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if touched, err := w.TouchHead(limited, c); touched || err != nil {
		t.Errorf("locked: got %v, %v", touched, err)
	}
	if !w.touches(store.CheckIn{Head: free.Head, Root: emptyRoot("disks"), Instance: instanceA, Counter: 2}) {
		t.Error("the other head was not touched")
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if !w.touches(c) {
		t.Error("not touched when the lock was gone")
	}
}

func TestSeveralCheckInsOfOneHeadCountOnceEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	written := w.commit("S1", agentSource, report{"disks": {}}, stamped(instanceA, 1))
	const last = 50
	var group sync.WaitGroup
	touched := make([]bool, last+1)
	for i := 2; i <= last; i++ {
		group.Go(func() {
			c := store.CheckIn{Head: written.Head, Root: emptyRoot("disks"), Instance: instanceA, Counter: uint64(i)}
			var err error
			if touched[i], err = w.TouchHead(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	n := 0
	for _, yes := range touched {
		if yes {
			n++
		}
	}
	if !touched[last] || w.count("SELECT counter FROM head") != last {
		t.Errorf("the highest counter: got %v, and the head has %d", touched[last], w.count("SELECT counter FROM head"))
	}
	if commits := w.count("SELECT commits FROM head"); commits != 1+n {
		t.Errorf("commits: got %d, want 1 and the %d that were told so", commits, n)
	}
}

func TestCheckInsShareTheirTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const heads, rounds = 200, 3
	ids := make([]int64, heads)
	for i := range ids {
		ids[i] = w.commit(fmt.Sprint("S", i), agentSource, report{"disks": {}}, stamped(instanceA, 1)).Head
	}
	updates := map[int]bool{}
	for round := range rounds {
		var group sync.WaitGroup
		start := make(chan struct{})
		for _, id := range ids {
			group.Go(func() {
				<-start
				c := store.CheckIn{Head: id, Root: emptyRoot("disks"), Instance: instanceA, Counter: uint64(2 + round)}
				if touched, err := w.TouchHead(t.Context(), c); err != nil || !touched {
					t.Errorf("head %d: got %v, %v", id, touched, err)
				}
			})
		}
		close(start)
		group.Wait()
		updates[w.count("SELECT count(DISTINCT xmin::text) FROM head")] = true
	}
	if got := w.count("SELECT count(*) FROM head WHERE commits = $1 AND counter = $2", 1+rounds, 1+rounds); got != heads {
		t.Errorf("heads that have every check-in: got %d, want %d", got, heads)
	}
	for n := range updates {
		if n > heads/4 {
			t.Errorf("%d check-ins took %d transactions", heads, n)
		}
	}
}
