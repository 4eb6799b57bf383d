// SPDX-License-Identifier: Apache-2.0

package index

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Rough sizes of what belongs to one thing in memory, with its share of the maps.
const (
	headBytes    = 360
	machineBytes = 320
	assetBytes   = 200
)

// bytes estimates the memory that the state takes.
func (s *state) bytes() int64 {
	total := int64(len(s.byHead))*headBytes + int64(len(s.machines))*machineBytes + int64(s.catalog.count)*assetBytes
	for a := range s.catalog.all {
		if a.heads != nil {
			total += int64(a.heads.GetSizeInBytes())
		}
	}
	return total
}

// collectors returns the metrics of the index. Those of the state show nothing while it is being built.
func (x *Index) collectors() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rollcall_index_" + name, Help: help}, value)
	}
	counter := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rollcall_index_" + name, Help: help},
			func() float64 { return float64(value()) })
	}
	n := &x.numbers
	return []prometheus.Collector{
		gauge("heads", "Current snapshots in the index, of archived machines too; 0 while it is being built.", func() float64 {
			return x.size(func(s *state) int { return len(s.byHead) })
		}),
		gauge("assets", "Shared facts in the index; 0 while it is being built.", func() float64 {
			return x.size(func(s *state) int { return s.catalog.count })
		}),
		gauge("bytes", "Estimated memory of the index.", func() float64 { return float64(n.bytes.Load()) }),
		gauge("building_progress", "How much of the index is built, from 0 to 1.", x.progress),
		gauge("build_seconds", "How long the last build took.", func() float64 { return time.Duration(n.buildNanos.Load()).Seconds() }),
		gauge("age_seconds", "Since when the index knows nothing new, while it should be a fraction of a second.", func() float64 {
			polled := n.polledUnixMicro.Load()
			if polled == 0 {
				return 0 // never built
			}
			return max(0, time.Since(time.UnixMicro(polled)).Seconds())
		}),
		gauge("lag_entries", "Entries that the last reading of the journal found.", func() float64 { return float64(n.waitingEntries.Load()) }),
		counter("checked_machines_total", "Machines compared with the database.", n.checked.Load),
		counter("mismatches_total", "Machines that differed from the database and were read anew; anything but 0 is a fault of the program.", n.mismatches.Load),
	}
}

// size reads one number of the state.
func (x *Index) size(of func(*state) int) float64 {
	var n int
	_ = x.read(func(s *state) { n = of(s) }) // being built: 0
	return float64(n)
}

func (x *Index) progress() float64 {
	if x.current() != nil {
		return 1
	}
	expected := x.numbers.expected.Load()
	if expected == 0 {
		return 0
	}
	return min(float64(x.numbers.done.Load())/float64(expected), 1)
}
