// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Several processes push to one head at once, each as a source without a stamp. Every push adds one fact of its own
// by a delta to what it read last, so a push that was lost, or counted twice, shows.
func TestConcurrentPushesToOneHeadAreEachThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const writers, pushes = 4, 12
	machine := w.agent("S1").machine
	committers := []*commit.Committer{w.Committer, w.second()}
	var group sync.WaitGroup
	errs := make(chan error, writers)
	for n := range writers {
		group.Go(func() {
			a := &agent{w: w, machine: machine, serial: "S1", now: facts{}}
			for i := range pushes {
				if err := a.add(committers[n%2], deb(fmt.Sprintf("w%d", n), fmt.Sprint(i)), fmt.Sprintf(`{"username":"w%d-%d"}`, n, i)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	head := value[int64](w, "SELECT id FROM head")
	changes := w.changes(head)
	if len(changes) != writers*pushes {
		t.Fatalf("changes: got %d, want %d", len(changes), writers*pushes)
	}
	want := facts{}
	for n := range writers {
		for i := range pushes {
			want["deb_packages"] = append(want["deb_packages"], deb(fmt.Sprintf("w%d", n), fmt.Sprint(i)))
			want["users"] = append(want["users"], fmt.Sprintf(`{"username":"w%d-%d"}`, n, i))
		}
	}
	w.holds(head, want)
	for i := 1; i < len(changes); i++ {
		d := changes[i].Deltas
		if changes[i].Seq != changes[i-1].Seq+1 || len(d) != 2 || len(d[0].AddedIDs) != 1 || len(d[1].Added) != 1 || !changes[i].At.After(changes[i-1].At) {
			t.Fatalf("change %d: %+v", i, changes[i])
		}
	}
	if got := value[int](w, "SELECT count(*) FROM journal WHERE what = 'commit'"); got != writers*pushes {
		t.Errorf("journal: got %d, want %d", got, writers*pushes)
	}
	if got := value[bool](w, "SELECT count(*) = max(id) FROM asset"); !got {
		t.Log("an id was burnt: two processes brought one asset at the same time")
	}
	w.fsck()
}

// add pushes one package and one user more than the head has, however often it changes meanwhile.
func (a *agent) add(c *commit.Committer, pkg, user string) error {
	for {
		to := facts{"deb_packages": append(slices.Clone(a.now["deb_packages"]), pkg), "users": append(slices.Clone(a.now["users"]), user)}
		p := a.delta(to)
		p.Stamp = nil
		_, err := c.Push(context.Background(), p)
		switch {
		case err == nil:
			a.now = to
			return nil
		case isA[*commit.BaseError](err):
			if a.now, err = a.read(); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrRetry):
			return err
		}
	}
}

// read returns what the head holds now.
func (a *agent) read() (facts, error) {
	ctx := context.Background()
	ref, err := a.w.store.FindHead(ctx, a.serial, "")
	if err != nil {
		return nil, err
	}
	moment, err := a.w.store.SectionsAt(ctx, ref.ID, timeZero)
	if err != nil {
		return nil, err
	}
	out := facts{}
	for kind, s := range moment.Sections {
		section, err := a.w.store.LoadSection(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, fact := range section.Assets {
			out[kind] = append(out[kind], string(fact.Body))
		}
	}
	return out, nil
}

func TestTwoFirstPushesMakeOneHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	committers := []*commit.Committer{w.Committer, w.second(), w.second(), w.second()}
	for n := range 10 {
		serial := fmt.Sprint("S", n)
		machine := w.agent(serial).machine
		var group sync.WaitGroup
		results := make([]commit.Result, len(committers))
		errs := make([]error, len(committers))
		for i, c := range committers {
			group.Go(func() {
				a := &agent{w: w, machine: machine, serial: serial, now: facts{}}
				p := a.whole(linux())
				p.Stamp = nil
				results[i], errs[i] = c.Push(context.Background(), p)
			})
		}
		group.Wait()
		for i := range results {
			if errs[i] != nil || results[i].Head != results[0].Head || results[i].Seq != 1 {
				t.Fatalf("got %+v, %v; the first %+v", results[i], errs[i], results[0])
			}
		}
	}
	if got := value[int](w, "SELECT count(*) FROM head"); got != 10 {
		t.Errorf("heads: got %d, want 10", got)
	}
	w.fsck()
}

// One push and its duplicates, at once and through two processes: one change, and the same answer for all.
func TestDuplicatesAtOnceCountOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	committers := []*commit.Committer{w.Committer, w.second()}
	state := linux()
	for n := range 15 {
		state = state.with(facts{"users": {fmt.Sprintf(`{"username":"u%d"}`, n)}})
		p := a.delta(state)
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				if r, err := committers[i%2].Push(context.Background(), p); err != nil || r.Seq != int64(n+2) || r.Root != state.root() {
					t.Errorf("round %d: got %+v, %v", n, r, err)
				}
			})
		}
		group.Wait()
		a.now = state
	}
	if got := len(w.changes(a.head)); got != 16 {
		t.Errorf("changes: got %d, want 16", got)
	}
	w.fsck()
}
