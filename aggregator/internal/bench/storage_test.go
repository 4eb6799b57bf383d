// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"testing"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	storedMachines = 200
	changedDays    = 5
	upgradesPerDay = 4 // in one push
)

const storageSQL = `
SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname <> 'asset'), 0)::bigint,
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname = 'asset'), 0)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r'`

// BenchmarkStorage measures what machines take on disk, dictionary apart, and what days of changes add; both after
// VACUUM FULL, and the second also before it.
func BenchmarkStorage(b *testing.B) {
	b.Run("as-agents-do", func(b *testing.B) { benchmarkStorage(b, true) })
	b.Run("without-install-times", func(b *testing.B) { benchmarkStorage(b, false) })
}

func benchmarkStorage(b *testing.B, installTimes bool) {
	b.Helper()
	sections := func(inventory *inventoryv1.Snapshot) snapshot.Sections {
		if !installTimes {
			dropInstallTimes(inventory)
		}
		return sectionsOf(b, inventory)
	}
	for b.Loop() {
		a := startAggregator(b)
		w := dial(b, a.address)
		before, _ := a.stored(b, true)
		fleet := make([]*agent, storedMachines)
		for i := range fleet {
			fleet[i] = a.enroll(b, w, i)
			fleet[i].pushAll(b, sections(machineOf(i)))
		}
		enrolled, dictionary := a.stored(b, true)
		for i, m := range fleet {
			inventory := machineOf(i)
			for day := range changedDays {
				for n := range upgradesPerDay {
					upgrade(inventory, day*upgradesPerDay+n, day+2)
				}
				m.pushDelta(b, m.deltaTo(sections(inventory)))
			}
		}
		raw, _ := a.stored(b, false)
		packed, _ := a.stored(b, true)
		perDay := func(bytes int64) float64 { return float64(bytes-enrolled) / storedMachines / changedDays / 1024 }
		b.ReportMetric(float64(enrolled-before)/storedMachines/1024, "KB/machine")
		b.ReportMetric(float64(dictionary)/1024/1024, "dictionary-MB")
		b.ReportMetric(perDay(raw), "KB/machine-day-before-vacuum")
		b.ReportMetric(perDay(packed), "KB/machine-day")
	}
}

// stored returns the bytes of all tables but the dictionary, and of the dictionary.
func (a *aggregator) stored(b *testing.B, vacuum bool) (tables, dictionary int64) {
	b.Helper()
	if vacuum {
		_, err := a.pool.Exec(b.Context(), `VACUUM FULL`)
		must(b, err)
	}
	must(b, a.pool.QueryRow(b.Context(), storageSQL).Scan(&tables, &dictionary))
	return tables, dictionary
}
