// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"maps"
	"os"
	"slices"
	"time"
)

// sampler reads what the aggregators, PostgreSQL and this program have used. It finds the processes anew when one of
// them is gone.
type sampler struct {
	aggregatorPIDs, postgresPIDs []int // given; empty: find them
	ports                        []int
	found                        []int // aggregators that listened on the ports last time
	most                         int   // of them there were
}

func (r *Runner) newSampler() *sampler {
	return &sampler{
		aggregatorPIDs: r.options.AggregatorPIDs, postgresPIDs: r.options.PostgresPIDs,
		ports: append(portsOf(r.pool.servers), portsOf(r.options.GRPC)...),
	}
}

// sample is one reading. CPU times are by the process that stands for them.
type sample struct {
	aggregators, postgres map[identity]time.Duration
	self                  time.Duration

	aggregatorRSS, postgresRSS, selfRSS   int64
	aggregatorPeak, selfPeak              int64
	aggregatorProcesses, postgresBackends int
}

// maxReads bounds how often a reading is repeated because processes ended meanwhile.
const maxReads = 20

// read takes a reading. PostgreSQL's CPU time is that of the postmaster and all its descendants, with what those used
// that have ended: a child's time moves to its parent when it ends, so a reading during which one did is taken again.
func (s *sampler) read() (sample, error) {
	before := readProcesses()
	if len(before) == 0 {
		return sample{}, errors.New("no processes in " + procFolder)
	}
	aggregators := s.listeners(before)
	for range maxReads {
		after := readProcesses()
		if s.steady(before, after, aggregators) {
			return s.sum(after, aggregators), nil
		}
		before = after
	}
	return s.sum(before, aggregators), nil // some milliseconds may count twice or not at all
}

// listeners returns the aggregators' pids.
func (s *sampler) listeners(all map[int]process) []int {
	if len(s.aggregatorPIDs) > 0 {
		return s.aggregatorPIDs
	}
	s.found = slices.DeleteFunc(s.found, func(pid int) bool { _, alive := all[pid]; return !alive })
	if len(s.found) == 0 || len(s.found) < s.most { // one of them may be back
		s.found = listenersOf(s.ports)
		s.most = max(s.most, len(s.found))
	}
	return s.found
}

// roots returns the processes that stand for PostgreSQL: the postmasters, or aggregators whose children they are.
func (s *sampler) roots(aggregators []int) []int {
	if len(s.postgresPIDs) > 0 {
		return s.postgresPIDs
	}
	return aggregators
}

// steady tells whether no process of PostgreSQL came or ended between two readings.
func (s *sampler) steady(before, after map[int]process, aggregators []int) bool {
	for _, root := range s.roots(aggregators) {
		was, is := map[identity]bool{}, map[identity]bool{}
		for _, p := range below(before, root) {
			was[p.identity()] = true
		}
		for _, p := range below(after, root) {
			is[p.identity()] = true
		}
		if !maps.Equal(was, is) || before[root].reaped != after[root].reaped {
			return false
		}
	}
	return true
}

func (s *sampler) sum(all map[int]process, aggregators []int) sample {
	out := sample{aggregators: map[identity]time.Duration{}, postgres: map[identity]time.Duration{}}
	for _, pid := range aggregators {
		p, alive := all[pid]
		if !alive {
			continue
		}
		out.aggregators[p.identity()] = p.own
		out.aggregatorProcesses++
		memory := readResident(pid)
		out.aggregatorRSS += memory.rss
		out.aggregatorPeak += memory.peak
	}
	for _, pid := range s.roots(aggregators) {
		root, alive := all[pid]
		if !alive {
			continue
		}
		pids := []int{}
		cpu := root.reaped
		if len(s.postgresPIDs) > 0 {
			cpu += root.own
			pids = append(pids, pid)
		}
		for _, p := range below(all, pid) {
			cpu += p.own + p.reaped
			pids = append(pids, p.pid)
		}
		out.postgres[root.identity()] = cpu
		out.postgresBackends += len(pids)
		out.postgresRSS += residentTogether(pids)
	}
	self, memory := all[os.Getpid()], readResident(os.Getpid())
	out.self, out.selfRSS, out.selfPeak = self.own, memory.rss, memory.peak
	return out
}

// ledger adds up readings, so that processes that end and others that begin in the course of a verb all count.
type ledger struct {
	first, last map[identity]time.Duration
}

// note takes a reading. What was there at the first one begins at its value, what came later at nothing.
func (l *ledger) note(reading map[identity]time.Duration) {
	if l.first == nil {
		l.first, l.last = maps.Clone(reading), map[identity]time.Duration{}
	}
	maps.Copy(l.last, reading)
}

// total returns the CPU time used since the first reading.
func (l *ledger) total() time.Duration {
	var sum time.Duration
	for process, cpu := range l.last {
		sum += cpu - l.first[process]
	}
	return sum
}
