// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// BenchmarkCollect is a full collection of this machine, vitals included. In every round it also does the floor, and
// reports the ratio of the processor time of both.
func BenchmarkCollect(b *testing.B) {
	ctx, machine, least := context.Background(), host.Local(), sameWork()
	var ours, theirs time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begin := cpuTime(b)
		r := collect.Run(ctx, machine, collect.Options{})
		if _, err := collect.Vitals(ctx, machine); err != nil {
			b.Fatal(err)
		}
		for _, trouble := range r.Troubles {
			if !trouble.Denied {
				b.Fatal(trouble)
			}
		}
		middle := cpuTime(b)
		b.StopTimer()
		if err := least.run(); err != nil {
			b.Fatal(err)
		}
		ours, theirs = ours+middle-begin, theirs+cpuTime(b)-middle
		b.StartTimer()
	}
	b.ReportMetric(milliseconds(ours, b.N), "cpu-ms/op")
	b.ReportMetric(float64(ours)/float64(theirs), "x-floor")
}

// BenchmarkCollectUnchanged is a collection of a machine on which no source changed since the last one. What moves by
// itself, such as who holds which socket, is looked at all the same.
func BenchmarkCollectUnchanged(b *testing.B) {
	ctx, machine, cache := context.Background(), newLogged(), &collect.Cache{}
	collect.Run(ctx, host.Local(), collect.Options{Cache: cache})
	collect.Run(ctx, machine, collect.Options{Cache: cache})
	again := machine.tree.floor()
	begin := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		collect.Run(ctx, host.Local(), collect.Options{Cache: cache})
	}
	b.ReportMetric(milliseconds(cpuTime(b)-begin, b.N), "cpu-ms/op")
	b.ReportMetric(float64(again.bytes()), "bytes-read")
}

// BenchmarkFloor reads and parses the same files.
func BenchmarkFloor(b *testing.B) {
	least := sameWork()
	begin := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := least.run(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(milliseconds(cpuTime(b)-begin, b.N), "cpu-ms/op")
	b.ReportMetric(float64(least.bytes()), "bytes-read")
	b.ReportMetric(float64(len(least.read)), "files-read")
}

// BenchmarkProgram builds the agent as it is released, and reports how large it is; the budget is 16 MB.
func BenchmarkProgram(b *testing.B) {
	program := filepath.Join(b.TempDir(), "rollcall-agent")
	for b.Loop() {
		build := exec.CommandContext(b.Context(), "go", "build", "-tags", "release", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, "../../cmd/rollcall-agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "program-MB")
}

// sameWork is the floor of a full collection.
func sameWork() floor {
	machine := newLogged()
	collect.Run(context.Background(), machine, collect.Options{})
	return machine.tree.floor()
}

func milliseconds(d time.Duration, n int) float64 { return float64(d) / float64(n) / 1e6 }

// cpuTime is the processor time that this process has used, in user and kernel mode.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
