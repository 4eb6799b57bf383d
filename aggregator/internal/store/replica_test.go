// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// pair is a fleet on a primary, and a replica of it.
type pair struct {
	*world
	replica  *postgres.Cluster
	log      text
	machines []string // serial numbers, in order
}

// text takes a log. It is safe for concurrent use.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// newPair makes a fleet of more than two batches.
func newPair(t *testing.T, maxLag time.Duration) *pair {
	t.Helper()
	primary := storetest.Cluster(t, postgres.Ephemeral())
	if err := store.Migrate(t.Context(), primary.DSN(), quiet); err != nil {
		t.Fatal(err)
	}
	pool := must(store.Open(t.Context(), primary.DSN()))(t)
	t.Cleanup(pool.Close)
	p := &pair{world: newWorldOn(t, pool)}
	must(p.Epoch(t.Context()))(t)
	for i := range 120 {
		p.report(fmt.Sprintf("M-%04d", i))
	}
	p.replica = storetest.Replica(t, primary, postgres.Ephemeral(), postgres.WithSetting("max_standby_streaming_delay", "100ms"))
	p.use(p.replica.DSN(), maxLag)
	return p
}

func (p *pair) report(serial string) {
	p.commit(serial, agentSource, report{"deb_packages": debs(20)})
	p.machines = append(p.machines, serial)
}

// use makes exports read from a replica for the rest of the test.
func (p *pair) use(dsn string, maxLag time.Duration) {
	p.t.Helper()
	replica := must(store.OpenReplica(p.t.Context(), dsn, maxLag, slog.New(slog.NewTextHandler(io.MultiWriter(&p.log), nil))))(p.t)
	p.UseReplica(replica)
	ctx, stop := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { _ = p.WatchReplica(ctx) }) // it ends with ctx
	p.t.Cleanup(func() {
		stop()
		watch.Wait()
		replica.Close()
	})
}

func (p *pair) stats() store.ReplicaStats {
	stats, ok := p.ReplicaStats()
	if !ok {
		p.t.Fatal("there is no replica")
	}
	return stats
}

// await waits until the replica is used, or is not.
func (p *pair) await(used bool) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.stats().Used != used {
		if time.Now().After(deadline) {
			p.t.Fatalf("used: never %t; the log:\n%s", used, &p.log)
		}
		<-tick.C
	}
}

// export returns the serial numbers that an export gives, and calls during after some of them.
func (p *pair) export(during func()) []string {
	p.t.Helper()
	var got []string
	err := p.StreamHeads(p.t.Context(), store.StreamFilter{Kinds: []string{"deb_packages"}}, func(h store.FleetHead) error {
		if got = append(got, h.Serial); len(got) == 60 && during != nil {
			during()
		}
		bodies, err := p.ExportBodies(p.t.Context(), h.Sections["deb_packages"].IDs)
		if len(bodies) != 20 {
			p.t.Errorf("%s: %d packages, want 20", h.Serial, len(bodies))
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

func (p *pair) replicaPool() *pgxpool.Pool {
	pool := must(store.Open(p.t.Context(), p.replica.DSN()))(p.t)
	p.t.Cleanup(pool.Close)
	return pool
}

func TestExportsReadTheReplicaAndFinishWithoutIt(t *testing.T) {
	t.Parallel()
	p := newPair(t, time.Minute)
	p.await(true)
	if got := p.export(nil); !slices.Equal(got, p.machines) {
		t.Errorf("from the replica: got %d machines, want %d: %v", len(got), len(p.machines), got)
	}
	before := p.stats()
	if before.Batches < 3 || before.Fallbacks > 0 {
		t.Errorf("read %d batches from the replica, %d from the primary, want all from the replica", before.Batches, before.Fallbacks)
	}
	got := p.export(func() { _ = syscall.Kill(p.replica.PID(), syscall.SIGKILL) }) // the first batches are read
	if !slices.Equal(got, p.machines) {
		t.Errorf("with the replica killed: got %d machines, want %d: %v", len(got), len(p.machines), got)
	}
	p.await(false)
	if n := strings.Count(p.log.String(), "from the primary"); n != 1 {
		t.Errorf("the log says %d times that the primary is read, want once:\n%s", n, &p.log)
	}
}

func TestReplicaThatLagsIsNotRead(t *testing.T) {
	t.Parallel()
	p := newPair(t, 2*time.Second)
	p.await(true)
	replica := p.replicaPool()
	must(replica.Exec(t.Context(), "SELECT pg_wal_replay_pause()"))(t)
	p.report("M-9999")
	p.await(false)
	if got := p.export(nil); !slices.Equal(got, p.machines) {
		t.Errorf("while the replica lags: got %d machines, want %d", len(got), len(p.machines))
	}
	if lag := p.stats().Lag; lag < 2*time.Second {
		t.Errorf("lag: got %s, want more than 2s", lag)
	}
	must(replica.Exec(t.Context(), "SELECT pg_wal_replay_resume()"))(t)
	p.await(true)
}

func TestBatchThatReplayCutsOffIsReadAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t, time.Minute)
	p.exec("CREATE TABLE doomed AS SELECT generate_series(1, 10) AS n")
	p.await(true)
	tries := 0
	err := p.InExport(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		tries++
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM head").Scan(&n); err != nil || tries > 1 {
			return err
		}
		p.exec("DELETE FROM doomed")
		p.exec("VACUUM doomed") // takes away what this transaction may still look at
		_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if stats := p.stats(); tries != 2 || stats.Conflicts != 1 || stats.Fallbacks != 0 || !stats.Used {
		t.Errorf("got %d tries, %+v; want a conflict, a second try, and the replica still in use", tries, stats)
	}
}

func TestServerThatTakesWritesIsNoReplica(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t)
	p := &pair{world: newWorldOn(t, must(store.Open(t.Context(), dsn))(t))}
	t.Cleanup(p.pool.Close)
	must(p.Epoch(t.Context()))(t)
	p.report("M-1")
	p.use(dsn, time.Minute)
	if got := p.export(nil); !slices.Equal(got, p.machines) {
		t.Errorf("got %v, want %v", got, p.machines)
	}
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(p.log.String(), "takes writes itself") {
		if time.Now().After(deadline) {
			t.Fatalf("the log never says why:\n%s", &p.log)
		}
		<-time.After(10 * time.Millisecond)
	}
}
