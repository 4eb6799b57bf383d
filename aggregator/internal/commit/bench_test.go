// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// roundTrips counts how often somebody waits for PostgreSQL: reads that follow a write.
type roundTrips struct{ n atomic.Int64 }

type countedConn struct {
	net.Conn
	trips *roundTrips
	wrote atomic.Bool
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.wrote.Swap(false) {
		c.trips.n.Add(1)
	}
	return n, err
}

// countedWorld is a world whose connections are counted.
func countedWorld(t testing.TB) (*world, *roundTrips) {
	t.Helper()
	trips := &roundTrips{}
	config := must(pgxpool.ParseConfig(storetest.DSN(t)))(t)
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &countedConn{Conn: conn, trips: trips}, err
	}
	config.MaxConns = 1 // every statement is prepared once
	pool := must(pgxpool.NewWithConfig(t.Context(), config))(t)
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	w := &world{Committer: commit.New(s, slog.New(slog.DiscardHandler)), store: s, pool: pool, t: t}
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.source = must(s.EnsureSource(t.Context(), store.Source{Module: "rollcall.agent", Name: "rollcall"}))(t)
	return w, trips
}

// upgraded is a usual machine after n upgrades of one package each.
func upgraded(n int) facts {
	packages := debs(2100)
	for i := range n {
		packages[i*31%2100] = deb(fmt.Sprintf("package-%04d", i*31%2100), fmt.Sprint("2.", i))
	}
	return linux().with(facts{"deb_packages": packages})
}

func TestRoundTripsOfAPush(t *testing.T) {
	t.Parallel()
	w, trips := countedWorld(t)
	w.check("bash", "length(deb_packages[?name=='bash']) > `0`")
	a := w.agent("S1")
	for n := range 4 { // until everything is prepared and cached
		a.becomes(upgraded(n))
	}
	a.becomes(a.now)
	count := func(to facts) int64 {
		p := a.delta(to)
		before := trips.n.Load()
		a.pushed(p, to)
		return trips.n.Load() - before
	}
	tests := []struct {
		name string
		to   facts
		most int64
	}{
		{"nothing changed", a.now, 3}, // read, lock, write
		{"a fact of its own", a.now.with(facts{"disks": {}}), 3},
		{"an asset the fleet knows", upgraded(3).with(facts{"deb_packages": slices.Concat(upgraded(3)["deb_packages"], []string{deb("package-0000", "1")})}), 3},
		{"a new asset", upgraded(4), 5}, // asked for, inserted
	}
	for _, test := range tests {
		if got := count(test.to); got > test.most {
			t.Errorf("%s: got %d round trips, want %d", test.name, got, test.most)
		}
	}
}

func BenchmarkPush(b *testing.B) {
	for _, checks := range []int{0, 20} {
		b.Run(fmt.Sprintf("OneUpgradeOf2100/checks=%d", checks), func(b *testing.B) {
			w, trips := countedWorld(b)
			for i := range checks {
				w.check(fmt.Sprint("check ", i), fmt.Sprintf("length(deb_packages[?name=='package-%04d']) > `0`", i))
			}
			a := w.agent("S1")
			a.becomes(upgraded(0))
			pushes := make([]*commit.Push, b.N+4)
			for n := range pushes {
				to := upgraded(n + 1)
				pushes[n] = a.delta(to)
				a.now = to
			}
			for _, p := range pushes[:4] { // until everything is prepared and cached
				must(w.Push(b.Context(), p))(b)
			}
			before := trips.n.Load()
			b.ReportAllocs()
			b.ResetTimer()
			for _, p := range pushes[4:] {
				must(w.Push(b.Context(), p))(b)
			}
			b.ReportMetric(float64(trips.n.Load()-before)/float64(b.N), "round-trips/op")
		})
	}
}

func BenchmarkFirstPushOf2100Known(b *testing.B) {
	w, trips := countedWorld(b)
	w.agent("S0").becomes(upgraded(0))
	before := trips.n.Load()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		a := w.agent(strings.Repeat("S", 1+n%3) + fmt.Sprint(n+1))
		p := a.whole(upgraded(0))
		for i := range p.Sections {
			if p.Sections[i].IDs != nil {
				p.Sections[i].Bodies = nil
			}
		}
		b.StartTimer()
		must(w.Push(b.Context(), p))(b)
	}
	b.ReportMetric(float64(trips.n.Load()-before)/float64(b.N), "round-trips/op")
}
