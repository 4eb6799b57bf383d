// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// A check-in that wrote an index would cost several times what it does, and leave VACUUM the rest of the work.
func TestUpdatesOfACheckInAreHOT(t *testing.T) {
	t.Parallel()
	// A cluster of its own: what old versions are kept for is decided by the oldest transaction of all its databases.
	ctx, dsn := t.Context(), storetest.Cluster(t, postgres.Ephemeral()).DSN()
	if err := store.Migrate(ctx, dsn, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	const machines, apart, rounds = 120, 10, 10
	pool := must(store.Open(ctx, dsn))(t)
	w := &world{Store: store.New(pool), t: t, pool: pool}
	if err := w.EnsurePartitions(ctx, 1); err != nil {
		t.Fatal(err)
	}
	refs := make([]store.HeadRef, machines)
	for i := range refs {
		serial := fmt.Sprintf("S%03d", i)
		w.commit(serial, agentSource, report{"disks": {disk(i)}})
		refs[i] = must(w.FindHead(ctx, serial, ""))(t)
	}
	// Of one page of many machines a batch has few, as those that check in at the same moment lie far apart.
	for round := range rounds {
		for first := range apart {
			var group errgroup.Group
			for i := first; i < machines; i += apart {
				checkIn(w, &group, refs[i], uint64(round+1))
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Close()
	pool.Close() // connections tell the statistics the rest when they end
	for table, share := range hotShares(t, dsn, machines*(rounds-1), "head", "vitals", "agent_health") {
		if share < 0.9 {
			t.Errorf("%s: %.0f %% of the updates are HOT, want 90", table, share*100)
		}
	}
}

// checkIn writes what an agent says when nothing changed but what moves all the time.
func checkIn(w *world, group *errgroup.Group, ref store.HeadRef, counter uint64) {
	ctx := w.t.Context()
	body := json.RawMessage(fmt.Sprintf(`{"uptime_seconds":%d,"load":[1,2,3],"free_bytes":{"/":%d,"/home":%d}}`, counter, 1000-counter, counter*7919))
	group.Go(func() error {
		touched, err := w.TouchHead(ctx, store.CheckIn{Head: ref.ID, Root: ref.Root, Instance: []byte{}, Counter: counter})
		if err == nil && !touched {
			return fmt.Errorf("check-in %d of %s was not written", counter, ref.Serial)
		}
		return err
	})
	group.Go(func() error { return w.PutVitals(ctx, ref.ID, time.Now(), body) })
	group.Go(func() error { return w.PutHealth(ctx, ref.ID, time.Now(), body) })
}

// hotShares waits until the statistics know of enough updates of each table, and returns how many of them were HOT.
func hotShares(t *testing.T, dsn string, enough int64, tables ...string) map[string]float64 {
	t.Helper()
	conn := must(pgx.Connect(t.Context(), dsn))(t)
	defer func() { _ = conn.Close(t.Context()) }() // it only read
	shares := map[string]float64{}
	for _, table := range tables {
		for end := time.Now().Add(patience); ; {
			var updates, hot int64
			const query = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = $1::text::regclass"
			if err := conn.QueryRow(t.Context(), query, table).Scan(&updates, &hot); err != nil {
				t.Fatal(err)
			}
			if updates >= enough {
				shares[table] = float64(hot) / float64(updates)
				t.Logf("%s: %d updates, %d of them HOT", table, updates, hot)
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: the statistics know of %d updates, want %d", table, updates, enough)
			}
		}
	}
	return shares
}
