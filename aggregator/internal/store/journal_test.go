// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// patience is how long a tail may be held back by what other tests do in the same cluster.
const patience = 30 * time.Second

const addEntrySQL = `INSERT INTO journal (what, detail) VALUES ('machine', $1)`

// tailer reads the journal as an index or a sink does.
type tailer struct {
	w        *world
	position store.Position
	seen     []store.JournalEntry
	details  []string
}

// tail reads everything there is, a few entries at a time, and returns the details of what is new.
func (r *tailer) tail() string {
	r.w.t.Helper()
	before := len(r.details)
	for {
		entries := must(r.w.Tail(r.w.t.Context(), r.position, 3))(r.w.t)
		for _, e := range entries {
			if cmp.Or(cmp.Compare(r.position.XID, e.XID), cmp.Compare(r.position.ID, e.ID)) >= 0 {
				r.w.t.Fatalf("entry %+v is not behind %+v", e.Position, r.position)
			}
			r.position = e.Position
			r.seen = append(r.seen, e)
			r.details = append(r.details, e.Detail)
		}
		if len(entries) < 3 {
			return strings.Join(r.details[before:], " ")
		}
	}
}

// The one thing that journals get wrong: a transaction that began early and ends late.
func TestATailerMissesNothingOfATransactionThatEndsLate(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	begin := func(detail string) pgx.Tx {
		t.Helper()
		tx := must(w.pool.Begin(ctx))(t)
		if _, err := tx.Exec(ctx, addEntrySQL, detail); err != nil {
			t.Fatal(err)
		}
		return tx
	}
	end := func(tx pgx.Tx) {
		t.Helper()
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	// Transactions of other tests in the same cluster may hold a tail back for a moment.
	reads := func(r *tailer, want string) {
		t.Helper()
		got := r.tail()
		for end := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(end); {
			got = strings.TrimSpace(got + " " + r.tail())
		}
		if got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	r := &tailer{w: w}
	w.exec(addEntrySQL, "a")
	reads(r, "a")

	early := begin("early")
	w.exec(addEntrySQL, "b")
	late := begin("late")
	w.exec(addEntrySQL, "c")
	if got := r.tail(); got != "" {
		t.Fatalf("with an earlier transaction open: got %q, want nothing yet", got)
	}
	if _, err := early.Exec(ctx, addEntrySQL, "early-2"); err != nil {
		t.Fatal(err)
	}
	end(early)
	reads(r, "early early-2 b")
	gone := begin("gone")
	w.exec(addEntrySQL, "d")
	end(late)
	reads(r, "late c")
	if err := gone.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	reads(r, "d")
	reads(&tailer{w: w}, "a early early-2 b late c d")
}

func TestATailerSeesEveryEntryOfConcurrentWritersOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const writers, each = 6, 30
	var group sync.WaitGroup
	errs := make(chan error, writers)
	for n := range writers {
		group.Go(func() {
			if err := writeEntries(w, n, each); err != nil {
				errs <- err
			}
		})
	}
	r := &tailer{w: w}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		r.tail()
	}
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); len(r.details) < writers*each && time.Now().Before(end); {
		r.tail() // what other tests hold back
	}
	var want []string
	for n := range writers {
		for i := range each {
			want = append(want, fmt.Sprintf("%d-%d", n, i))
		}
	}
	slices.Sort(r.details)
	slices.Sort(want)
	if !slices.Equal(r.details, want) {
		t.Errorf("got %d entries, want %d, each once", len(r.details), len(want))
	}
}

// writeEntries writes entries in transactions of different length.
func writeEntries(w *world, writer, entries int) error {
	ctx := context.WithoutCancel(w.t.Context())
	for i := 0; i < entries; {
		err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
			for range 1 + rand.IntN(3) {
				if i == entries {
					return nil
				}
				if _, err := tx.Exec(ctx, addEntrySQL, fmt.Sprintf("%d-%d", writer, i)); err != nil {
					return err
				}
				i++
				for range rand.IntN(20) { // as long as some other statements take
					if err := tx.Conn().Ping(ctx); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestJournalEntriesSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	written := w.commit("S1", agentSource, report{"disks": {}})
	w.exec(addEntrySQL, "text")
	r := &tailer{w: w}
	for end := time.Now().Add(patience); len(r.seen) < 2; {
		if r.tail(); time.Now().After(end) {
			t.Fatalf("got %+v", r.seen)
		}
	}
	first := r.seen[0]
	if first.What != "commit" || first.Head != written.Head || first.Seq != 1 || first.Machine == 0 || first.At.IsZero() {
		t.Errorf("commit: got %+v", first)
	}
	if second := r.seen[1]; second.What != "machine" || second.Machine != 0 || second.Head != 0 || second.Seq != 0 || second.Detail != "text" {
		t.Errorf("entry without a machine: got %+v", second)
	}
}
