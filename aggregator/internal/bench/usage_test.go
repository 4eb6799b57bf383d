// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
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
	processes := readProcesses(b)
	return usage{
		aggregator: processes.cpu[a.pid], postgres: processes.ofFamily(a.postgres.PID()), walBytes: walBytes(b, a.pool),
	}
}

// walBytes returns how much has been written to the log of changes so far.
func walBytes(b *testing.B, pool *pgxpool.Pool) (written int64) {
	b.Helper()
	must(b, pool.QueryRow(b.Context(), `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`).Scan(&written))
	return written
}

// processes is what all processes have used up so far, by process id.
type processes struct {
	parents map[int]int
	cpu     map[int]time.Duration
}

func readProcesses(b *testing.B) processes {
	b.Helper()
	p := processes{parents: map[int]int{}, cpu: map[int]time.Duration{}}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(b, err)
	for _, name := range stats {
		pid, parent, cpu, ok := readStat(name)
		if ok {
			p.parents[pid], p.cpu[pid] = parent, cpu
		}
	}
	return p
}

// ofFamily returns what a process and its children used up.
func (p processes) ofFamily(parent int) time.Duration {
	sum := time.Duration(0)
	for pid, cpu := range p.cpu {
		if pid == parent || p.parents[pid] == parent {
			sum += cpu
		}
	}
	return sum
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
	const utime, stime, cutime, cstime, threads = 11, 12, 13, 14, 17
	cpu = ticks(fields[utime], fields[stime])
	if string(fields[threads]) == "1" {
		if exact, ok := readSchedstat(filepath.Dir(name)); ok {
			cpu = exact
		}
	}
	return pid, parent, cpu + ticks(fields[cutime], fields[cstime]), true
}

// readSchedstat reads the CPU time of a process of one thread to the nanosecond: the same time that stat rounds down to
// ticks, which is too coarse for operations of a millisecond.
func readSchedstat(dir string) (time.Duration, bool) {
	raw, err := os.ReadFile(filepath.Join(dir, "schedstat"))
	if err != nil {
		return 0, false // it ended, or the kernel has none
	}
	first, _, _ := bytes.Cut(raw, []byte(" "))
	nanoseconds, err := strconv.ParseInt(string(first), 10, 64)
	return time.Duration(nanoseconds), err == nil && nanoseconds > 0
}

func ticks(fields ...[]byte) (sum time.Duration) {
	for _, field := range fields {
		n, _ := strconv.Atoi(string(field))
		sum += time.Duration(n) * tick
	}
	return sum
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
