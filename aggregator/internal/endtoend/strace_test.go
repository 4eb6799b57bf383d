// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStrace watches the agent's system calls: it starts no process and opens no socket that others could reach.
func TestStrace(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("SKIPPED: nobody watched the agent's system calls: apt-get install -y strace")
	}
	s := newSite(t)
	e := newEndpoint(t, 5)
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test"))
	runs := map[string][]string{
		"collect":                {"collect", "--format", "json"},
		"collect of a tree":      {"collect", "--root", e.root},
		"run --once":             {"run", "--once", "--root", e.root, "--state-dir", e.state},
		"run --once, no changes": {"run", "--once", "--root", e.root, "--state-dir", e.state, "--transport", "connect"},
	}
	for name, args := range runs {
		checkCalls(t, name, straced(t, args...))
	}
}

// straced returns the traced system calls of an agent, one a line.
func straced(t *testing.T, args ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "calls")
	all := append([]string{
		"-f", "-qq", "-e", "trace=execve,execveat,fork,vfork,clone,clone3,listen,bind", "-e", "signal=none",
		"-o", file, program(t, "rollcall-agent"),
	}, args...)
	out, err := command("strace", all...).CombinedOutput()
	if err != nil {
		t.Fatalf("strace %v: %v\n%s", args, err, out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n")
}

// checkCalls refuses child processes and sockets that are bound to anything but the kernel's own tables.
func checkCalls(t *testing.T, run string, calls []string) {
	t.Helper()
	started := 0
	for _, call := range calls {
		_, call, _ = strings.Cut(strings.TrimSpace(call), " ")
		call = strings.TrimSpace(call)
		name, _, _ := strings.Cut(call, "(")
		switch name {
		case "execve":
			if started++; started > 1 {
				t.Errorf("%s: a program was started: %s", run, call)
			}
		case "clone", "clone3":
			if !strings.Contains(call, "CLONE_THREAD") {
				t.Errorf("%s: a process was started: %s", run, call)
			}
		case "bind":
			if !strings.Contains(call, "AF_NETLINK") {
				t.Errorf("%s: a socket was bound: %s", run, call)
			}
		case "execveat", "fork", "vfork", "listen":
			t.Errorf("%s: %s", run, call)
		}
	}
	if started != 1 {
		t.Errorf("%s: %d traced programs, want the agent: strace saw nothing", run, started)
	}
}
