// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// tick is the unit of CPU time in /proc; the kernel fixes it at 100 a second for user space.
const tick = 10 * time.Millisecond

// usage is what the aggregator and PostgreSQL used up, so far or between two moments.
type usage struct {
	aggregator, postgres time.Duration
	walBytes             int64
}

func (a *aggregator) usage(b *testing.B) usage {
	b.Helper()
	var u usage
	parents := map[int]int{}
	times := map[int]time.Duration{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(b, err)
	for _, name := range stats {
		pid, parent, cpu, ok := readStat(name)
		if ok {
			parents[pid], times[pid] = parent, cpu
		}
	}
	for pid, cpu := range times {
		switch a.postgres.PID() {
		case pid, parents[pid]:
			u.postgres += cpu
		}
	}
	u.aggregator = times[a.pid]
	must(b, a.pool.QueryRow(b.Context(), `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`).Scan(&u.walBytes))
	return u
}

// readStat reads a process's own CPU time and that of its children that have ended.
func readStat(name string) (pid, parent int, cpu time.Duration, ok bool) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, 0, false // it ended
	}
	pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(name)))
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	parent, _ = strconv.Atoi(string(fields[1]))
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		ticks, _ := strconv.Atoi(string(field))
		cpu += time.Duration(ticks) * tick
	}
	return pid, parent, cpu, true
}

func (u usage) minus(before usage) usage {
	return usage{u.aggregator - before.aggregator, u.postgres - before.postgres, u.walBytes - before.walBytes}
}

// report prints a usage per operation.
func (u usage) report(b *testing.B, operations int) {
	b.Helper()
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(operations) }
	b.ReportMetric(per(u.aggregator), "aggregator-cpu-µs/op")
	b.ReportMetric(per(u.postgres), "postgres-cpu-µs/op")
	b.ReportMetric(float64(u.walBytes)/float64(operations), "wal-B/op")
}
