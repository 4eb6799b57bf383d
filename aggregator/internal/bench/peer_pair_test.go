// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// side is one of two systems that are compared: a durable cluster of its own, and what was spent on it.
type side struct {
	cluster *postgres.Cluster
	pool    *pgxpool.Pool
	program time.Duration // CPU of this process in calls of the system
}

func newSide(b *testing.B) *side {
	b.Helper()
	s := &side{cluster: storetest.Cluster(b)}
	var err error
	s.pool, err = store.Open(b.Context(), s.cluster.DSN())
	must(b, err)
	b.Cleanup(s.pool.Close)
	return s
}

// spend runs one operation and counts what this process spends on it.
func (s *side) spend(b *testing.B, operation func() error) {
	b.Helper()
	before := ownCPU(b)
	must(b, operation())
	s.program += ownCPU(b) - before
}

// ownCPU returns the CPU time of this process so far.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// usage is what the side has cost so far.
func (s *side) usage(b *testing.B) usage {
	b.Helper()
	return usage{
		aggregator: s.program, postgres: readProcesses(b).ofFamily(s.cluster.PID()), walBytes: walBytes(b, s.pool),
	}
}

// pair is our way into the inventory and the peer's, with the same machines behind both.
type pair struct {
	ours, theirs *side
	our          *ourStore
	peer         *peerStore
	times        bool // whether packages have install times
	machines     int  // so far
}

// twin is a machine that both systems know.
type twin struct {
	inventory *inventoryv1.Snapshot
	sections  snapshot.Sections // as both have them
	stamp     commit.Stamp
}

func startPair(b *testing.B, times bool) *pair {
	b.Helper()
	p := &pair{theirs: newSide(b), times: times}
	p.ours, p.our = startOurs(b)
	var err error
	p.peer, err = newPeerStore(b.Context(), p.theirs.pool)
	must(b, err)
	p.teach(b)
	return p
}

// distribution returns every package, before and after its upgrade.
var distribution = sync.OnceValues(func() (snapshot.Sections, error) {
	everything := &inventoryv1.Snapshot{}
	const releases = 2
	for release := range releases {
		for n := range distinctPackages {
			everything.DebPackages = append(everything.DebPackages, debPackage(n, release+1, time.Time{}))
		}
	}
	dropInstallTimes(everything)
	return snapshot.Split(everything)
})

// teach puts the whole distribution into both dictionaries: in a fleet somebody nearly always had a package before.
func (p *pair) teach(b *testing.B) {
	b.Helper()
	sections, err := distribution()
	must(b, err)
	must(b, p.peer.learn(b.Context(), peerAssetsOf(sections)))
	var assets []store.NewAsset
	for kind, section := range sections {
		for _, a := range section.Assets {
			assets = append(assets, store.NewAsset{Kind: kind, Asset: a})
		}
	}
	must(b, p.our.store.PutAssets(b.Context(), assets))
}

// enrol adds a machine to both.
func (p *pair) enrol(b *testing.B) *twin {
	b.Helper()
	p.machines++
	m := &twin{inventory: machineOf(p.machines)}
	m.stamp.Instance = fmt.Appendf(nil, "%016d", p.machines)
	p.report(b, m)
	return m
}

// report commits the inventory of a machine, as it is now, to both.
func (p *pair) report(b *testing.B, m *twin) {
	b.Helper()
	if !p.times {
		dropInstallTimes(m.inventory)
	}
	serial := m.inventory.GetSystemInfo().GetHardwareSerial()
	sections := sectionsOf(b, m.inventory)
	m.stamp.Counter++
	push := p.our.pushOf(serial, m.stamp, m.sections, sections)
	p.ours.spend(b, func() error { return p.our.commit(b.Context(), push, sections) })
	assets := peerAssetsOf(sections)
	p.theirs.spend(b, func() error { return p.peer.commit(b.Context(), serial, push.Root, assets) })
	m.sections = sections
}

// upgrade replaces a package of the machine by another release of it.
func (m *twin) upgrade(b *testing.B, position, release int) {
	b.Helper()
	name := m.inventory.GetDebPackages()[position].GetName()
	number, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	must(b, err)
	m.inventory.DebPackages[position] = debPackage(number, release, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
}
