// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// burner is a process whose child uses up CPU time, ends and is waited for whenever a line comes in.
const burner = `while read line; do (i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done); echo done; done`

func TestCPUTimeOfChildrenIsNeitherLostNorCountedTwice(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "sh", "-c", burner)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = child.Wait() }()
	s := &sampler{aggregatorPIDs: []int{os.Getpid()}, postgresPIDs: []int{child.Process.Pid}}
	var l ledger
	read := func() time.Duration {
		t.Helper()
		now, err := s.read()
		if err != nil {
			t.Fatal(err)
		}
		if now.postgresRSS <= 0 || now.aggregatorRSS <= 0 || now.selfPeak < now.selfRSS || now.aggregatorProcesses != 1 {
			t.Errorf("memory: %+v", now)
		}
		l.note(now.postgres)
		return l.total()
	}
	read()
	lines := bufio.NewReader(stdout)
	for range 2 {
		if _, err := io.WriteString(stdin, "\n"); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := lines.ReadString('\n')
			ended <- err
		}()
		last := l.total()
		for running := true; running; { // while the child works, ends and is waited for
			select {
			case err := <-ended:
				if err != nil {
					t.Fatal(err)
				}
				running = false
			default:
			}
			now := read()
			if now < last {
				t.Fatalf("CPU time fell from %s to %s", last, now)
			}
			last = now
		}
	}
	process, err := readProcess(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if want := process.own + process.reaped; l.total() != want || process.reaped == 0 {
		t.Errorf("counted %s, the kernel says %s, %s of it by children", l.total(), want, process.reaped)
	}
}

func TestProcessesThatComeAndGoAllCount(t *testing.T) {
	t.Parallel()
	a, b, c := identity{1, 10}, identity{2, 20}, identity{1, 30} // c has the pid of a
	var l ledger
	for _, reading := range []map[identity]time.Duration{
		{a: 5 * time.Second, b: time.Second},
		{a: 7 * time.Second, b: time.Second},
		{b: 2 * time.Second},
		{b: 2 * time.Second, c: 4 * time.Second},
	} {
		l.note(reading)
	}
	if want := 7 * time.Second; l.total() != want { // 2 of a, 1 of b, 4 of c
		t.Errorf("got %s, want %s", l.total(), want)
	}
}

func TestListenersAreFoundByTheirPort(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Logf("not tried: %v", err) // a machine without IPv6
			continue
		}
		found := listenersOf(portsOf([]string{listener.Addr().String()}))
		if !slices.Contains(found, os.Getpid()) {
			t.Errorf("%s: found %v, want %d", address, found, os.Getpid())
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found := listenersOf(nil); found != nil {
		t.Errorf("no port: found %v", found)
	}
}
