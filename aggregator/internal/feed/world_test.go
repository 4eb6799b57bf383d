// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"encoding/json"
	"log/slog"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// world is a database of the test's own, a committer and a feed over it.
type world struct {
	*feed.Feed
	store     *store.Store
	pool      *pgxpool.Pool
	committer *commit.Committer
	t         testing.TB
}

func newWorld(t testing.TB, options feed.Options) *world {
	t.Helper()
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	return &world{
		Feed: feed.New(s, options), store: s, pool: pool, t: t,
		committer: commit.New(s, slog.New(slog.DiscardHandler)),
	}
}

// limits are generous.
var limits = tree.Limits{Bytes: 10 << 20, Rows: 100_000, StringBytes: 1 << 20, Depth: 32}

// push commits a tree, as the open door does.
func (w *world) push(text string) commit.Result {
	w.t.Helper()
	submitted, err := tree.Parse([]byte(text), limits)
	if err != nil {
		w.t.Fatal(err)
	}
	result, err := w.committer.Submit(w.t.Context(), submitted)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// machine returns a tree of a source "osquery" with more keys, as they stand in JSON.
func machine(serial, keys string) string {
	head := `{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"` + serial + `"`
	if keys != "" {
		head += "," + keys
	}
	return head + "}"
}

// settle waits until no transaction of the cluster, in which other tests have databases too, holds back an entry.
func (w *world) settle() {
	w.t.Helper()
	const sql = `SELECT NOT EXISTS (SELECT FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))`
	for settled := false; !settled; {
		if err := w.pool.QueryRow(w.t.Context(), sql).Scan(&settled); err != nil {
			w.t.Fatal(err)
		}
	}
}

// read returns all events from the beginning.
func (w *world) read(filter *event.Filter) []event.Event {
	w.t.Helper()
	w.settle()
	events, _ := w.readFrom(store.Position{}, 1000, filter)
	return events
}

func (w *world) readFrom(after store.Position, limit int, filter *event.Filter) ([]event.Event, store.Position) {
	w.t.Helper()
	var all []event.Event
	for {
		batches, next, err := w.Read(w.t.Context(), after, limit, filter)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range batches {
			all = append(all, b.Events...)
		}
		if next == after {
			return all, after
		}
		after = next
	}
}

// inventory returns the events about machines, and not those about what was made for them on the way.
func (w *world) inventory() []event.Event {
	w.t.Helper()
	return slices.DeleteFunc(w.read(nil), func(e event.Event) bool { return e.Namespace != "inventory" })
}

func typesOf(events []event.Event) []string {
	types := make([]string, len(events))
	for i := range events {
		types[i] = events[i].Type
	}
	return types
}

// decoded returns an event as receivers get it.
func decoded(t testing.TB, e *event.Event) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(e.AppendJSON(nil), &out); err != nil {
		t.Fatalf("%s: %v", e.AppendJSON(nil), err)
	}
	return out
}
