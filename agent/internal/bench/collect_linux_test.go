// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// BenchmarkCollect is a full collection of this machine, vitals included. In every round it also does the floor, and
// reports the ratio of the processor time of both: the budget is 2.
func BenchmarkCollect(b *testing.B) {
	ctx, machine := context.Background(), host.Local()
	var ours, least time.Duration
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
		if err := floor(); err != nil {
			b.Fatal(err)
		}
		ours, least = ours+middle-begin, least+cpuTime(b)-middle
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(b.N)/1e6, "cpu-ms/op")
	b.ReportMetric(float64(ours)/float64(least), "x-floor")
}

// BenchmarkCollectUnchanged is a collection of a machine on which no source changed since the last one.
func BenchmarkCollectUnchanged(b *testing.B) {
	ctx, machine, cache := context.Background(), host.Local(), &collect.Cache{}
	collect.Run(ctx, machine, collect.Options{Cache: cache})
	b.ReportAllocs()
	for b.Loop() {
		collect.Run(ctx, machine, collect.Options{Cache: cache})
	}
}

// BenchmarkFloor reads and parses the same files as plainly as Go can, into nothing that anybody could use.
func BenchmarkFloor(b *testing.B) {
	begin := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := floor(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-begin)/float64(b.N)/1e6, "cpu-ms/op")
}

// cpuTime is the processor time that this process has used, in user and kernel mode.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// floor reads the files of packages, system, accounts, disks and network, splits them into fields, and asks for the
// time of every package's list.
func floor() error {
	packages, err := paragraphs("/var/lib/dpkg/status")
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	installed := 0
	for _, p := range packages {
		list := "/var/lib/dpkg/info/" + valueOf(p, "Package")
		if valueOf(p, "Multi-Arch") == "same" {
			list += ":" + valueOf(p, "Architecture")
		}
		_, _ = os.Stat(list + ".list") // asking is the work
		installed++
	}
	kept := []any{packages, installed}
	for _, file := range []string{"/etc/os-release", "/proc/cpuinfo", "/proc/meminfo"} {
		p, err := paragraphs(file)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		kept = append(kept, p)
	}
	for _, file := range []string{"/etc/passwd", "/etc/group", "/proc/self/mountinfo", "/etc/hosts", "/etc/machine-id"} {
		raw, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		var rows [][]string
		for line := range strings.Lines(string(raw)) {
			rows = append(rows, strings.FieldsFunc(line, func(r rune) bool { return r == ':' || r == ' ' }))
		}
		kept = append(kept, rows)
	}
	sizes, err := filepath.Glob("/sys/block/*/size")
	if err != nil {
		return err
	}
	for _, file := range sizes {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		kept = append(kept, size)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return err
		}
		kept = append(kept, addresses)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs("/", &disk); err != nil {
		return err
	}
	runtime.KeepAlive(kept)
	return nil
}

// field is one "Name: value" or "NAME=value" line.
type field struct{ name, value string }

// valueOf finds a field.
func valueOf(fields []field, name string) string {
	for _, f := range fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// paragraphs splits a file into its fields, between blank lines.
func paragraphs(file string) ([][]field, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all [][]field
	fields := make([]field, 0, 24)
	for line := range strings.Lines(string(raw)) {
		if line == "\n" {
			all, fields = append(all, fields), make([]field, 0, 24)
			continue
		}
		if i := strings.IndexAny(line, ":="); i > 0 && line[0] != ' ' {
			fields = append(fields, field{line[:i], strings.TrimSpace(line[i+1:])})
		}
	}
	return append(all, fields), nil
}
