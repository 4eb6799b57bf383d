// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkIdleAgent starts an agent that collects all of this machine, and measures what it costs when it has reported
// and waits in memory; the budget is 20 MB.
func BenchmarkIdleAgent(b *testing.B) {
	s := newSite(b)
	var resident, peak int64
	for i := range b.N {
		state := filepath.Join(b.TempDir(), "state")
		if _, err := runProgram(b, nil, "rollcall-agent", "enroll", "--state-dir", state, "--server", s.url,
			"--secret", s.must("enrollment", "create", "--name", fmt.Sprint("idle", i))); err != nil {
			b.Fatal(err)
		}
		agent := command(program(b, "rollcall-agent"), "run", "--state-dir", state)
		said := &output{}
		agent.Stdout, agent.Stderr = said, said
		if err := agent.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = agent.Process.Kill() }) // it may have ended
		now, highest := idleMemory(b, agent.Process.Pid, said)
		resident, peak = resident+now, max(peak, highest)
		_ = agent.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = agent.Wait()
	}
	b.ReportMetric(float64(resident)/float64(b.N)/1e6, "idle-MB")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

// idleMemory waits until the agent has reported and then used no processor time between several looks, and returns its
// resident memory and the highest that it had.
func idleMemory(b *testing.B, pid int, said *output) (now, highest int64) {
	b.Helper()
	var before string
	quiet := 0
	err := wait(startLimit, func() (bool, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false, fmt.Errorf("%w: %s", err, said.tail())
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		used := fields[11] + " " + fields[12] // utime, stime: proc_pid_stat(5)
		quiet++
		if used != before || !strings.Contains(said.String(), "snapshot committed") {
			quiet = 0
		}
		before = used
		return quiet == 20, nil
	})
	if err != nil {
		b.Fatalf("%v\n%s", err, said.tail())
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	return kibibytes(b, string(status), "VmRSS:"), kibibytes(b, string(status), "VmHWM:")
}

// kibibytes reads a line of /proc/<pid>/status, in bytes.
func kibibytes(b *testing.B, status, name string) int64 {
	b.Helper()
	_, after, _ := strings.Cut(status, name)
	var n int64
	if _, err := fmt.Sscan(after, &n); err != nil {
		b.Fatal(err)
	}
	return n << 10
}
