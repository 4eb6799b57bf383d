// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// BenchmarkPeer compares with a store that keeps a row per asset per snapshot, on the same machines and in one run. Both
// get prepared sections in a call of this process: ours is everything below the protocol (verify, evaluate, one
// transaction), the peer's trusts the digests. What is more than that in a peer's real system is left out.
//
// Each has a durable cluster of its own with the same settings; what its background processes do meanwhile counts.
// "x-less" is the peer's figure divided by ours.
func BenchmarkPeer(b *testing.B) {
	run := func(times bool) func(b *testing.B) {
		return func(b *testing.B) {
			p := startPair(b, times)
			b.Run("enrolment", p.benchmarkEnrolment)
			b.Run("change", p.benchmarkChange)
			b.Run("storage", p.benchmarkStorage)
		}
	}
	b.Run("as-agents-do", run(true))
	b.Run("without-install-times", run(false))
}

// benchmarkEnrolment measures the first snapshot of a machine whose 2,000 packages the fleet knows.
func (p *pair) benchmarkEnrolment(b *testing.B) {
	p.enrol(b) // what follows sees warm caches
	p.compare(b, func(int) { p.enrol(b) })
}

// benchmarkChange measures one upgraded package on such a machine.
func (p *pair) benchmarkChange(b *testing.B) {
	m := p.enrol(b)
	p.compare(b, func(i int) {
		m.upgrade(b, i%packagesPerMachine, 2)
		p.report(b, m)
		if i%packagesPerMachine == packagesPerMachine-1 {
			m = p.enrol(b) // everything on it is upgraded
		}
	})
}

// compare runs an operation that costs both sides something, and reports what.
func (p *pair) compare(b *testing.B, operation func(i int)) {
	b.Helper()
	ours, theirs := p.ours.usage(b), p.theirs.usage(b)
	for i := 0; b.Loop(); i++ {
		operation(i)
	}
	ours, theirs = p.ours.usage(b).minus(ours), p.theirs.usage(b).minus(theirs)
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	ratio(b, "pg-ms/op", ms(ours.postgres), ms(theirs.postgres))
	ratio(b, "program-ms/op", ms(ours.aggregator), ms(theirs.aggregator))
	kb := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(b.N) }
	ratio(b, "wal-KB/op", kb(ours.walBytes), kb(theirs.walBytes))
}

// ratio reports a figure of both sides and how many times ours is smaller.
func ratio(b *testing.B, unit string, ours, theirs float64) {
	b.Helper()
	b.ReportMetric(ours, "ours-"+unit)
	b.ReportMetric(theirs, "peer-"+unit)
	b.ReportMetric(theirs/ours, "x-less-"+unit)
}

const (
	peerMachines = 50
	peerDays     = 2
)

// benchmarkStorage measures what a machine takes on disk, and what a day with four upgrades in one push adds, after
// VACUUM and after VACUUM FULL. The dictionary of packages is complete before.
func (p *pair) benchmarkStorage(b *testing.B) {
	for b.Loop() {
		var fleet []*twin
		p.vacuum(b, "VACUUM FULL", "VACUUM")
		p.measureGrowth(b, "machine", peerMachines, func() {
			for range peerMachines {
				fleet = append(fleet, p.enrol(b))
			}
		})
		p.measureGrowth(b, "machine-day", peerMachines*peerDays, func() {
			for day := range peerDays {
				for _, m := range fleet {
					for n := range upgradesPerDay {
						m.upgrade(b, day*upgradesPerDay+n, 2)
					}
					p.report(b, m)
				}
			}
		})
	}
	b.ReportMetric(0, "ns/op")
}

// measureGrowth reports how much all tables of both sides, packed as they are, grow by something that happens count
// times, and leaves them packed.
func (p *pair) measureGrowth(b *testing.B, unit string, count int, happen func()) {
	b.Helper()
	grown := func(pool *pgxpool.Pool, before int64) float64 {
		return float64(size(b, pool)-before) / 1024 / float64(count)
	}
	ours, theirs := size(b, p.ours.pool), size(b, p.theirs.pool)
	happen()
	p.vacuum(b, "VACUUM")
	ratio(b, "live-KB/"+unit, grown(p.ours.pool, ours), grown(p.theirs.pool, theirs))
	p.vacuum(b, "VACUUM FULL", "VACUUM")
	ratio(b, "KB/"+unit, grown(p.ours.pool, ours), grown(p.theirs.pool, theirs))
}

// vacuum ends with a VACUUM in all cases, which makes the maps of free space that a small fleet must not be charged for.
func (p *pair) vacuum(b *testing.B, statements ...string) {
	b.Helper()
	const tablesSQL = `
SELECT string_agg(quote_ident(c.relname), ', ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r'`
	for _, pool := range []*pgxpool.Pool{p.ours.pool, p.theirs.pool} {
		var tables string // the catalogues would take longer than they do
		must(b, pool.QueryRow(b.Context(), tablesSQL).Scan(&tables))
		for _, sql := range statements {
			_, err := pool.Exec(b.Context(), sql+" "+tables)
			must(b, err)
		}
	}
}

// size returns the bytes of all tables, the dictionary included.
func size(b *testing.B, pool *pgxpool.Pool) int64 {
	b.Helper()
	var tables, dictionary int64
	must(b, pool.QueryRow(b.Context(), storageSQL).Scan(&tables, &dictionary))
	return tables + dictionary
}
