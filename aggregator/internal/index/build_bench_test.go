// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	facts "github.com/rollcall-inventory/rollcall/proto/asset"
)

// BenchmarkBuild builds the index from PostgreSQL.
func BenchmarkBuild(b *testing.B) {
	const heads = 4000
	pool := storetest.New(b)
	fill(b, pool, heads)
	s := store.New(pool)
	b.Cleanup(s.Close)
	x := New(s, Options{Log: slog.New(slog.DiscardHandler)})
	b.ResetTimer()
	for b.Loop() {
		built, err := x.build(b.Context())
		if err != nil || len(built.byHead) != heads {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/heads, "µs/head")
}

// fill writes the benchmarks' fleet into the tables, without the commits that would lead there.
func fill(b *testing.B, pool *pgxpool.Pool, heads int) {
	b.Helper()
	ctx := b.Context()
	exec := func(sql string, args ...any) {
		b.Helper()
		if _, err := pool.Exec(ctx, sql, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec(`INSERT INTO source (module, name) VALUES ('rollcall.agent', 'rollcall')`)
	exec(`INSERT INTO asset (digest, kind, name, version, body)
		SELECT sha256(n::text::bytea), 'deb_packages', 'package-' || n / $2, '1.' || n % $2, '{}' FROM generate_series(1, $1) AS n`,
		benchNames*benchVersions, benchVersions)
	exec(`INSERT INTO machine (serial_number) SELECT 'S-' || n FROM generate_series(1, $1) AS n`, heads)
	exec(`INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen)
		SELECT n, 1, sha256(n::text::bytea), 1, 1, now(), now(), now() FROM generate_series(1, $1) AS n`, heads)
	exec(`INSERT INTO head_summary (head, computer_name, platform, type, os_version)
		SELECT n, 'host-' || n, 'LINUX', 'SERVER', 'Debian GNU/Linux 12' FROM generate_series(1, $1) AS n`, heads)
	exec(`INSERT INTO journal (what, machine) VALUES ('machine', 1)`)
	rows := make([][]any, 0, 2*heads)
	random := rand.New(rand.NewPCG(1, 2))
	roles := benchRolesOf()
	for n := range heads {
		u := benchUpdate(n, random, roles[n%benchRoles])
		slices.Sort(u.ids)
		ids := slices.Compact(u.ids)
		after := pack.Sections{
			"deb_packages": {Kind: "deb_packages", Shared: true, IDs: ids, Digest: facts.Digest{1}},
			"os_version":   {Kind: "os_version", Shared: true, IDs: ids[:1], Digest: facts.Digest{2}},
		}
		var deltas []pack.Delta
		for kind := range after {
			deltas = append(deltas, pack.Diff(nil, after[kind]))
		}
		for _, row := range pack.NewPlan(nil, after, deltas).Upsert {
			rows = append(rows, []any{int64(n + 1), row.Kind, row.Base, row.Tail, row.Digest})
		}
	}
	begin := time.Now()
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"head_section"}, []string{"head", "kind", "base", "tail", "digest"}, pgx.CopyFromRows(rows))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d heads filled in %v", heads, time.Since(begin).Round(time.Millisecond))
}
