// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// censusFleet is 100,000 machines of a few packages each, judged by 50 checks.
func censusFleet() (*Index, []Judged) {
	x := New(nil, Options{Log: slog.New(slog.DiscardHandler)})
	s := newState()
	s.sources[1] = store.Source{ID: 1, Module: "zentral.contrib.osquery", Name: "osquery"}
	for name := range 20 {
		for version := range 10 {
			s.catalog.put(store.IndexAsset{ID: int64(1 + name*10 + version), Kind: "deb_packages", Name: fmt.Sprint("package-", name), Version: fmt.Sprint(version)})
		}
	}
	checks := make([]Judged, 50)
	for i := range checks {
		checks[i].Check = compliance.Check{ID: int64(i + 1), SourceName: "osquery", Platforms: []string{"LINUX", "MACOS"}}
		s.statuses[checks[i].Check.ID] = map[compliance.Status]*roaring.Bitmap{}
	}
	all := bulk{catalog: &s.catalog}
	for n := range benchMachines {
		u := update{IndexHead: store.IndexHead{
			ID: int64(n + 1), Machine: int64(n + 1), Serial: fmt.Sprintf("SERIAL-%07d", n), Source: 1, Seq: 1, Whole: true,
			LastSeen: time.Unix(1_700_000_000-int64(n)*90, 0), Tags: []int64{int64(n % 5)},
			Summary: store.Summary{Platform: []string{"LINUX", "MACOS", "WINDOWS"}[n%3], Type: []string{"SERVER", "VM", "LAPTOP", "EC2"}[n%4]},
		}}
		for name := range 20 {
			u.ids = append(u.ids, int64(1+name*10+(n+name)*7919%10))
		}
		h := x.set(s, &u)
		all.add(h.ordinal, u.ids)
		for i := range checks {
			status := []compliance.Status{compliance.StatusOK, compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed}[(n*31+i)*7919>>3%4]
			add(s.statuses[checks[i].Check.ID], status, h.ordinal)
			if h.machine.overall == nil || *h.machine.overall < status {
				h.machine.overall = &status
			}
		}
	}
	all.flush()
	for _, m := range s.machines {
		s.attach(m)
	}
	s.sort()
	s.catalog.sort()
	s.catalog.compact()
	x.state = s
	return x, checks
}

func BenchmarkCensus(b *testing.B) {
	x, checks := censusFleet()
	now := time.Unix(1_700_000_000, 0)
	sources := []store.Source{x.state.sources[1]}
	questions := []struct {
		name string
		ask  func(*Census) (int, error)
	}{
		{"Begin", func(*Census) (int, error) { return 1, nil }},
		{"Versions", func(c *Census) (int, error) {
			rows, err := c.Versions("deb_packages", []string{"package-1", "package-2"}, sources, true)
			return len(rows), err
		}},
		{"Instances", func(c *Census) (int, error) {
			rows, err := c.Instances("deb_packages", []string{"package-1", "package-2"}, sources)
			return len(rows), err
		}},
		{"Active", func(c *Census) (int, error) {
			rows, err := c.Active(sources)
			return len(rows), err
		}},
		{"Tags", func(c *Census) (int, error) {
			counts, err := c.Tags()
			return len(counts), err
		}},
		{"Checks", func(c *Census) (int, error) {
			counts, err := c.Checks(checks)
			return len(counts), err
		}},
		{"Compliance", func(c *Census) (int, error) {
			whole, err := c.Compliance()
			return whole.All.OK + whole.All.Failed, err
		}},
	}
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			c, err := x.Census(now)
			for b.Loop() {
				if q.name == "Begin" {
					c, err = x.Census(now)
				}
				n, asked := q.ask(c)
				if err != nil || asked != nil || n == 0 {
					b.Fatal(n, err, asked)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpuTime is what this process has used of the processors, which tells more than the clock on a machine with other work.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
