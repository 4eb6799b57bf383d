// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	fleetSize = 512 // machines that check in, each over a connection of its own, as agents do
	callers   = 512 // calls under way at once
)

// BenchmarkCheckIn compares an unchanged check-in, on disk when it is answered, with an empty native gRPC call of the
// same client to the same process.
func BenchmarkCheckIn(b *testing.B) {
	a := startAggregator(b)
	fleet := a.fleet(b)
	var empty float64
	b.Run("empty-call", func(b *testing.B) {
		clients := make([]grpc_health_v1.HealthClient, len(fleet))
		for i, m := range fleet {
			clients[i] = grpc_health_v1.NewHealthClient(m.wire)
		}
		empty = a.measure(b, fleet, func(_ *testing.B, i int) {
			_, err := clients[i].Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
			must(b, err)
		})
	})
	b.Run("unchanged", func(b *testing.B) {
		rate := a.measure(b, fleet, func(b *testing.B, i int) {
			m := fleet[i]
			ctx, stamp := m.next(b)
			response, err := m.client.CheckIn(ctx, &syncv1.CheckInRequest{Stamp: stamp, Root: m.root})
			must(b, err)
			if response.GetOutcome() != syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
				b.Fatalf("check-in of machine %d: %v", i, response)
			}
		})
		if empty > 0 {
			b.ReportMetric(100*rate/empty, "%-of-empty-call")
		}
	})
}

// fleet enrols machines with one small snapshot each: a check-in costs the same whatever the size.
func (a *aggregator) fleet(b *testing.B) []*agent {
	b.Helper()
	fleet := make([]*agent, fleetSize)
	for i := range fleet {
		s := machineOf(i)
		s.DebPackages = s.DebPackages[:10]
		fleet[i] = a.enroll(b, dial(b, a.address), i)
		fleet[i].pushAll(b, sectionsOf(b, s))
	}
	return fleet
}

// measure spreads b.N calls over the fleet, never two of one machine at once, and returns the calls per second.
func (a *aggregator) measure(b *testing.B, fleet []*agent, call func(b *testing.B, machine int)) float64 {
	b.Helper()
	for i := range min(len(fleet), b.N) {
		call(b, i) // what follows sees kept connections and warm caches
	}
	up, down := traffic(fleet)
	before := a.usage(b)
	b.ResetTimer()
	started := time.Now()
	var next atomic.Int64
	var workers sync.WaitGroup
	for worker := range callers {
		workers.Go(func() {
			for machine := worker; next.Add(1) <= int64(b.N); {
				call(b, machine)
				if machine += callers; machine >= len(fleet) {
					machine = worker
				}
			}
		})
	}
	workers.Wait()
	elapsed := time.Since(started)
	b.StopTimer()
	a.usage(b).minus(before).report(b, b.N)
	upAfter, downAfter := traffic(fleet)
	b.ReportMetric(float64(upAfter-up)/float64(b.N), "up-B/op")
	b.ReportMetric(float64(downAfter-down)/float64(b.N), "down-B/op")
	rate := float64(b.N) / elapsed.Seconds()
	b.ReportMetric(rate, "calls/s")
	return rate
}

func traffic(fleet []*agent) (up, down int64) {
	seen := map[*wire]bool{}
	for _, m := range fleet {
		if !seen[m.wire] {
			seen[m.wire] = true
			up += m.wire.up.Load()
			down += m.wire.down.Load()
		}
	}
	return up, down
}

// BenchmarkChange measures one upgraded package on a machine with 2,000: the push, and what it costs to store. Another
// machine had the upgrade before, as in any fleet.
func BenchmarkChange(b *testing.B) {
	b.Run("as-agents-do", func(b *testing.B) { benchmarkChange(b, true) })
	b.Run("without-install-times", func(b *testing.B) { benchmarkChange(b, false) })
}

func benchmarkChange(b *testing.B, installTimes bool) {
	b.Helper()
	a := startAggregator(b)
	m, other := a.enroll(b, dial(b, a.address), 0), a.enroll(b, dial(b, a.address), 1)
	inventory := machineOf(0)
	if !installTimes {
		dropInstallTimes(inventory)
	}
	m.pushAll(b, sectionsOf(b, inventory))
	other.pushAll(b, sectionsOf(b, inventory))
	up, down := m.wire.up.Load(), m.wire.down.Load()
	var spent usage
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		upgrade(inventory, i%packagesPerMachine, i+2)
		if !installTimes {
			dropInstallTimes(inventory)
		}
		sections := sectionsOf(b, inventory)
		other.pushDelta(b, other.deltaTo(sections))
		req := m.deltaTo(sections)
		before := a.usage(b)
		b.StartTimer()
		m.pushDelta(b, req)
		b.StopTimer()
		used := a.usage(b).minus(before)
		spent.aggregator += used.aggregator
		spent.postgres += used.postgres
		spent.walBytes += used.walBytes
		b.StartTimer()
	}
	spent.report(b, b.N)
	b.ReportMetric(float64(m.wire.up.Load()-up)/float64(b.N), "up-B/op")
	b.ReportMetric(float64(m.wire.down.Load()-down)/float64(b.N), "down-B/op")
}

// BenchmarkFirstSnapshot measures the first push of a machine whose 2,000 packages the dictionary knows already.
func BenchmarkFirstSnapshot(b *testing.B) {
	a := startAggregator(b)
	seed := a.enroll(b, dial(b, a.address), 0)
	everything := machineOf(0)
	everything.DebPackages = nil
	for n := range distinctPackages {
		everything.DebPackages = append(everything.DebPackages, machinePackage(n))
	}
	seed.pushAll(b, sectionsOf(b, everything))
	up, down := int64(0), int64(0)
	var spent usage
	for i := 1; b.Loop(); i++ {
		b.StopTimer()
		m := a.enroll(b, dial(b, a.address), i)
		sections := sectionsOf(b, machineOf(i))
		before := a.usage(b)
		b.StartTimer()
		m.pushAll(b, sections)
		b.StopTimer()
		used := a.usage(b).minus(before)
		spent.aggregator += used.aggregator
		spent.postgres += used.postgres
		spent.walBytes += used.walBytes
		up += m.wire.up.Load()
		down += m.wire.down.Load()
		b.StartTimer()
	}
	spent.report(b, b.N)
	b.ReportMetric(float64(up)/float64(b.N), "up-B/op")
	b.ReportMetric(float64(down)/float64(b.N), "down-B/op")
}
