// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/load"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

const (
	faultyMachines = 300
	faultyRate     = 30 // reports per second
	// faultLength is how long each fault lasts, and how long there is none behind it.
	faultLength = 10 * time.Second
)

// TestE2EFaults is two minutes of everything that may go wrong between machines and two aggregators.
func TestE2EFaults(t *testing.T) { faults(t, 2*time.Minute) }

// TestSoakFaults is TestE2EFaults for make soak.
func TestSoakFaults(t *testing.T) {
	minutes, err := strconv.Atoi(os.Getenv("SOAK_MINUTES"))
	if err != nil || minutes < 1 {
		t.Skip("a soak test: make soak MINUTES=10")
	}
	faults(t, time.Duration(minutes)*time.Minute)
}

// faults lets a fleet report through a bad network while PostgreSQL restarts and an aggregator is killed. At the end all
// roots agree, nothing that was acknowledged is missing, fsck finds nothing, and the aggregator that lived on has not
// grown.
func faults(t *testing.T, length time.Duration) {
	t.Helper()
	s := newStorm(t)
	if _, err := s.fleet.Enroll(t.Context(), s.secret, 0); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	memory := make(chan []int64, 1)
	go func() { memory <- watchMemory(ctx, s.sites[0].pid()) }()
	var group errgroup.Group
	group.Go(func() error { return s.strike(ctx, length) })
	report, err := s.fleet.Steady(t.Context(), load.Steady{Rate: faultyRate, Duration: length, Changed: 0.3})
	if err != nil {
		t.Error(err)
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	if report != nil {
		t.Logf("%d turns gave up for good, %d resynchronisations, %d conflicts, %d dials", report.GaveUp, report.Resyncs, report.Conflicts, report.Dials)
		for _, c := range report.Calls {
			t.Logf("%-14s %6d calls, p99 %.0f ms, refused: %v", c.Name, c.Count, c.P99, c.Errors)
		}
	}
	s.verify(t)
	flat(t, <-memory)
}

// storm is a fleet, a bad network, two aggregators and their PostgreSQL.
type storm struct {
	database *postgres.Cluster
	sites    []*site
	proxy    *toxiproxy
	fronts   []string // names of the proxies
	fleet    *load.Runner
	secret   string
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	s := &storm{database: storetest.Cluster(t), proxy: startToxiproxy(t)}
	relaunch, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	go func() { _ = s.database.Run(relaunch) }() // its failure fails everything else
	options := load.Options{Seed: 1, Catalogue: "compact", Connections: 24, Transport: "mixed", Log: slog.New(slog.DiscardHandler)}
	for i := range 2 {
		one := startSite(&site{t: t, database: s.database.DSN(), args: []string{"--log-level", "error"}})
		s.sites = append(s.sites, one)
		connect, native := fmt.Sprint("connect", i), fmt.Sprint("grpc", i)
		s.fronts = append(s.fronts, connect, native)
		options.Servers = append(options.Servers, "http://"+s.proxy.front(connect, strings.TrimPrefix(one.url, "http://")))
		options.GRPC = append(options.GRPC, s.proxy.front(native, one.grpc))
	}
	s.secret = s.sites[0].must("enrollment", "create", "--name", "fleet")
	var err error
	if options.Fleet, err = fleet.New(fleet.Options{Machines: faultyMachines, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if s.fleet, err = load.New(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.fleet.Close)
	return s
}

// strike deals out faults until the time is over. Latency and resets are there all the time.
func (s *storm) strike(ctx context.Context, length time.Duration) error {
	end := time.After(length)
	always := []toxic{
		{Name: "latency", Type: "latency", Stream: "downstream", Toxicity: 1, Attributes: map[string]int{"latency": 200, "jitter": 100}},
		{Name: "resets", Type: "reset_peer", Stream: "upstream", Toxicity: 0.05, Attributes: map[string]int{"timeout": 2000}},
	}
	if err := s.everywhere(always, s.proxy.add); err != nil {
		return err
	}
	slow := []toxic{
		{Name: "slices", Type: "slicer", Stream: "upstream", Toxicity: 1, Attributes: map[string]int{"average_size": 256, "size_variation": 128, "delay": 100}},
		{Name: "bandwidth", Type: "bandwidth", Stream: "upstream", Toxicity: 1, Attributes: map[string]int{"rate": 64}},
	}
	hole := []toxic{{Name: "hole", Type: "timeout", Stream: "upstream", Toxicity: 1, Attributes: map[string]int{"timeout": 0}}}
	steps := []func() error{
		func() error { return s.everywhere(slow, s.proxy.add) },
		func() error { return s.everywhere(slow, s.lift) },
		func() error { return syscall.Kill(s.database.PID(), syscall.SIGINT) },
		func() error { s.sites[1].stop(syscall.SIGKILL); return nil },
		func() error { return s.sites[1].start() },
		func() error { return s.everywhere(hole, s.proxy.add) },
		func() error { return s.everywhere(hole, s.lift) },
		func() error { return syscall.Kill(s.database.PID(), syscall.SIGKILL) },
	}
	tick := time.NewTicker(faultLength)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return s.calm()
		case <-tick.C:
		}
		if err := steps[i%len(steps)](); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
}

// everywhere does something about faults on every proxy.
func (s *storm) everywhere(faults []toxic, do func(proxy string, fault toxic) error) error {
	for _, front := range s.fronts {
		for _, fault := range faults {
			if err := do(front, fault); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *storm) lift(proxy string, fault toxic) error { return s.proxy.remove(proxy, fault.Name) }

// calm ends all faults and starts what was killed.
func (s *storm) calm() error {
	if err := s.proxy.call("POST", "/reset", nil, nil); err != nil {
		return err
	}
	if s.sites[1].over() {
		return s.sites[1].start()
	}
	return s.sites[1].awaitReady()
}

// verify asks the machines, the database and fsck.
func (s *storm) verify(t *testing.T) {
	t.Helper()
	report, err := s.fleet.Verify(t.Context())
	if err != nil {
		t.Errorf("%v: %+v", err, report)
	}
	out, err := s.sites[0].run("fsck")
	t.Logf("fsck: %s", strings.TrimSpace(out))
	if err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
	pool, err := store.Open(t.Context(), s.database.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	reader := store.New(pool)
	defer reader.Close()
	roots := s.fleet.Roots()
	if len(roots) != faultyMachines {
		t.Errorf("%d machines, want %d", len(roots), faultyMachines)
	}
	for serial, root := range roots {
		head, err := reader.FindHead(t.Context(), serial, "")
		if err != nil || head.Root != root {
			t.Errorf("%s: the head has the root %s, the machine %s: %v", serial, head.Root, root, err)
		}
	}
}

// watchMemory returns the resident size of a process, once a second.
func watchMemory(ctx context.Context, pid int) []int64 {
	var sizes []int64
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return sizes
		case <-tick.C:
		}
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return sizes
		}
		if fields := strings.Fields(string(raw)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel wrote it
			sizes = append(sizes, pages*int64(os.Getpagesize()))
		}
	}
}

// flat fails the test when the last third of the sizes has a peak far above that of the middle one.
func flat(t *testing.T, sizes []int64) {
	t.Helper()
	if len(sizes) < 30 {
		t.Errorf("the aggregator that should live on was seen for %d seconds only", len(sizes))
		return
	}
	third := len(sizes) / 3
	middle, last := peak(sizes[third:2*third]), peak(sizes[2*third:])
	t.Logf("resident memory: at most %d MB in the first third, %d in the second, %d in the last", peak(sizes[:third])>>20, middle>>20, last>>20)
	if last > middle+middle/4+32<<20 {
		t.Errorf("memory grows: %d MB, then %d MB", middle>>20, last>>20)
	}
}

func peak(sizes []int64) int64 {
	most := int64(0)
	for _, size := range sizes {
		most = max(most, size)
	}
	return most
}
