// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// prepared is a commit that adds an empty section to what was read, not written yet.
func (w *world) prepared(serial, kind string) *store.Commit {
	w.t.Helper()
	ctx := w.t.Context()
	machine := must(w.EnsureMachine(ctx, serial))(w.t)
	from := must(w.EnsureSource(ctx, store.Source{Module: "test." + agentSource, Name: agentSource}))(w.t)
	state := must(w.LoadHead(ctx, machine, from.ID))(w.t)
	before := must(pack.Fold(state.Rows))(w.t)
	after := pack.Sections{kind: w.section(kind, []string{})}
	for k, s := range before {
		after[k] = s
	}
	deltas := []pack.Delta{pack.Diff(before[kind], after[kind])}
	return &store.Commit{
		Machine: machine, Source: from.ID, State: &state, Root: after.Root(), Kinds: []string{kind},
		Delta: pack.EncodeDeltas(deltas), Plan: pack.NewPlan(state.Rows, after, deltas),
	}
}

// credential issues a credential to a machine.
func (w *world) credential(serial string) store.Credential {
	w.t.Helper()
	return must(w.Issue(w.t.Context(), store.NewCredential{
		Digest: auth.DigestOf(serial), Serial: serial, Modules: []string{"rollcall.agent"}, Identity: []byte(`{}`),
	}))(w.t)
}

func TestACommitOnWhatChangedMeanwhileIsToldToRetry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		meanwhile func(w *world, c *store.Commit)
		want      error
	}{
		{"nothing changed", func(*world, *store.Commit) {}, nil},
		{"another change", func(w *world, _ *store.Commit) {
			w.commit("S1", agentSource, report{"users": {}}, stamped(instanceA, 2))
		}, store.ErrRetry},
		{"another agent process", func(w *world, _ *store.Commit) {
			w.commit("S1", agentSource, report{}, func(c *store.Commit) { c.Stamp = &store.Stamp{Instance: instanceB, Counter: 7, TakeOver: true} })
		}, store.ErrRetry},
		{"a check-in with a higher counter", func(w *world, c *store.Commit) {
			w.touches(store.CheckIn{Head: c.State.ID, Root: c.State.Root, Instance: instanceA, Counter: 10})
		}, store.ErrRetry},
		{"a check-in before it", func(w *world, c *store.Commit) {
			w.touches(store.CheckIn{Head: c.State.ID, Root: c.State.Root, Instance: instanceA, Counter: 9})
		}, nil},
		{"pruned", func(w *world, _ *store.Commit) { must(w.Prune(w.t.Context(), []string{"S1"}))(w.t) }, store.ErrRetry},
		{"archived", func(w *world, _ *store.Commit) { must(w.Archive(w.t.Context(), []string{"S1"}))(w.t) }, nil},
		{"a new check", func(w *world, _ *store.Commit) {
			must(w.CreateCheck(w.t.Context(), compliance.Check{Name: "c", SourceName: "rollcall", Expression: "length(disks) == `0`"}))(w.t)
		}, store.ErrRetry},
		{"credential frozen", func(w *world, c *store.Commit) {
			must(w.Freeze(w.t.Context(), c.Credential, store.Conflict{Why: "test"}))(w.t)
		}, store.ErrFrozen},
		{"credential revoked", func(w *world, c *store.Commit) {
			if err := w.RevokeCredential(w.t.Context(), c.Credential); err != nil {
				w.t.Fatal(err)
			}
		}, store.ErrFrozen},
		{"credential gone", func(_ *world, c *store.Commit) { c.Credential = 4711 }, store.ErrFrozen},
		{"frozen and changed", func(w *world, c *store.Commit) {
			must(w.Freeze(w.t.Context(), c.Credential, store.Conflict{Why: "test"}))(w.t)
			w.commit("S1", agentSource, report{"users": {}}, stamped(instanceA, 2))
		}, store.ErrRetry},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit("S1", agentSource, report{"disks": {}}, stamped(instanceA, 1))
			c := w.prepared("S1", "routes")
			c.Stamp = &store.Stamp{Instance: instanceA, Counter: 10}
			c.Credential = w.credential("S1").ID
			test.meanwhile(w, c)
			const rows = "SELECT (SELECT count(*) FROM change) * 1000 + (SELECT count(*) FROM journal)"
			before := w.count(rows)
			written, err := w.WriteCommit(t.Context(), c)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %+v, %v; want %v", written, err, test.want)
			}
			if after := w.count(rows); (after != before) != (err == nil) {
				t.Errorf("changes and journal: %d before, %d after", before, after)
			}
			if w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'") != 0 {
				t.Error("the transaction is still open")
			}
		})
	}
}

func TestTwoFirstCommitsMakeOneHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 10 {
		commits := []*store.Commit{w.prepared(fmt.Sprint("S", n), "disks"), w.prepared(fmt.Sprint("S", n), "users"), w.prepared(fmt.Sprint("S", n), "routes")}
		errs := make([]error, len(commits))
		var group sync.WaitGroup
		for i, c := range commits {
			group.Go(func() { _, errs[i] = w.WriteCommit(context.WithoutCancel(t.Context()), c) })
		}
		group.Wait()
		made := 0
		for _, err := range errs {
			switch {
			case err == nil:
				made++
			case !errors.Is(err, store.ErrRetry):
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("heads made: %d of %d attempts", made, len(commits))
		}
	}
	if got := w.count("SELECT count(*) FROM head"); got != 10 {
		t.Errorf("heads: got %d, want 10", got)
	}
	w.fsck()
}

// A clock that is set back must not turn history around.
func TestTheTimeOfChangesRisesThoughTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.commit("S1", agentSource, report{"disks": {}})
	ahead := time.Now().Add(3 * time.Hour).Truncate(time.Microsecond)
	w.exec("UPDATE change SET at = $1", ahead)
	w.exec("UPDATE head SET changed_at = $1", ahead)
	last := ahead
	for i := range 5 {
		r := report{"disks": {fmt.Sprintf(`{"name":"d%d"}`, i)}}
		written := w.commit("S1", agentSource, r)
		if !written.At.After(last) || written.Seq != int64(i+2) || written.Head != first.Head {
			t.Fatalf("got %+v, want later than %s", written, last)
		}
		last = written.At
	}
	if w.count("SELECT count(*) FROM head WHERE changed_at = $1", last) != 1 {
		t.Error("the head is not of the time of its last change")
	}
	if _, problems := w.fsck(); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestTheProcessesBeforeAreRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := func(i int) []byte { return fmt.Appendf(nil, "process %02d", i) }
	w.commit("S1", agentSource, report{"disks": {}}, stamped(name(0), 1))
	const last = 12
	for i := 1; i <= last; i++ {
		w.commit("S1", agentSource, report{}, func(c *store.Commit) {
			c.Stamp = &store.Stamp{Instance: name(i), Counter: uint64(10 * i), TakeOver: true, Resync: i == last, Resumes: name(3)}
		})
	}
	state := w.prepared("S1", "users").State
	if string(state.Instance) != string(name(last)) || state.Counter != 10*last || string(state.Resumed) != string(name(3)) {
		t.Errorf("got %s, counter %d, resumed %s", state.Instance, state.Counter, state.Resumed)
	}
	slices.SortFunc(state.Superseded, func(a, b store.Superseded) int { return int(a.Since) - int(b.Since) })
	if len(state.Superseded) != 8 {
		t.Fatalf("remembered: got %d, want 8", len(state.Superseded))
	}
	for i, old := range state.Superseded {
		if n := last - 8 + i; string(old.Instance) != string(name(n)) || old.Since != uint64(10*(n+1)) {
			t.Errorf("got %s since %d", old.Instance, old.Since)
		}
	}
}

func TestAReaderOfAHeadSeesOneMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("S1", agentSource, report{"disks": {}, "deb_packages": debs(700)})
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		defer close(stop)
		for i := range 30 {
			w.commit("S1", agentSource, report{"disks": {fmt.Sprintf(`{"name":"d%d"}`, i)}, "deb_packages": debs(700 + i%50)})
		}
	})
	first := w.prepared("S1", "disks")
	for running := true; running; {
		select {
		case <-stop:
			running = false
		default:
		}
		state := must(w.LoadHead(t.Context(), first.Machine, first.Source))(t)
		if got := must(pack.Fold(state.Rows))(t).Root(); got != state.Root {
			t.Fatalf("head at %d has root %s, its sections %s", state.Seq, state.Root, got)
		}
	}
	group.Wait()
}
