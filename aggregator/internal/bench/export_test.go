// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	exportedMachines = 1000
	// exportedLists is how many different lists of packages those have: making one takes longer than storing it.
	exportedLists = 100
)

// BenchmarkExport measures the CSV export of the packages of 1,000 machines with 2,000 each, from the store on. Every
// export begins with a dictionary that it has to read and decode. Install times are left out: the export has no
// column for them and does not read them.
func BenchmarkExport(b *testing.B) {
	s := exportedFleet(b, storetest.New(b), exportedMachines)
	var sink sampler
	runtime.GC() // what making the fleet left behind
	b.ReportAllocs()
	before := ownCPU(b)
	for b.Loop() {
		if err := export.Facts(b.Context(), s, "deb_packages", export.Filter{}, table.NewCSV(&sink)); err != nil {
			b.Fatal(err)
		}
	}
	cpu := ownCPU(b) - before
	rows := float64(b.N) * exportedMachines * packagesPerMachine
	b.ReportMetric(rows/cpu.Seconds(), "rows/program-cpu-s")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(sink.bytes)/b.Elapsed().Seconds()/1e6, "MB/s")
	b.ReportMetric(float64(sink.most)/1e6, "peak-heap-MB")
}

// exportedFleet is a store with so many machines.
func exportedFleet(b *testing.B, pool *pgxpool.Pool, machines int) *store.Store {
	b.Helper()
	our := newOurs(b, pool)
	lists := make([]snapshot.Sections, exportedLists)
	for i := range machines {
		if i < len(lists) {
			inventory := machineOf(i)
			dropInstallTimes(inventory)
			lists[i] = sectionsOf(b, inventory)
		}
		sections := lists[i%len(lists)]
		stamp := commit.Stamp{Instance: fmt.Appendf(nil, "%016d", i), Counter: 1}
		must(b, our.commit(b.Context(), our.pushOf(serialOf(i), stamp, nil, sections), sections))
	}
	return our.store
}

// sampler counts what is written to it and looks at the heap now and then.
type sampler struct {
	writes int
	bytes  int64
	most   uint64 // bytes of the heap at its largest
}

func (s *sampler) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	if s.writes++; s.writes%64 == 0 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		s.most = max(s.most, sample[0].Value.Uint64())
	}
	return len(p), nil
}
