// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// fighter is a machine whose agent is killed and started again, and whose packages change all the time.
type fighter struct {
	name     string
	wire     *proxy // over which its agents report
	args     []string
	endpoint *endpoint
	rand     *rand.Rand
	serial   string // set when the fight is over

	out output // what its agents printed, one after the other

	mu  sync.Mutex
	cmd *exec.Cmd // the running agent, nil when there is none
}

// fight runs agents, the next one when one ended.
func (f *fighter) fight(ctx context.Context) {
	args := append([]string{"run", "--root", f.endpoint.root, "--state-dir", f.endpoint.state, "--log-format", "json"}, f.args...)
	if !slices.Contains(f.args, "--once") {
		args = append(args, "--interval", "1s")
	}
	for ctx.Err() == nil {
		cmd := command(filepath.Join(binaries, "rollcall-agent"), args...)
		cmd.Stdout, cmd.Stderr = &f.out, &f.out
		f.mu.Lock()
		err := cmd.Start()
		if err == nil {
			f.cmd = cmd
		}
		f.mu.Unlock()
		if err != nil {
			f.endpoint.t.Errorf("%s: %v", f.name, err)
			return
		}
		if ctx.Err() != nil {
			f.kill() // the end came between the question and the start
		}
		_ = cmd.Wait() // it is killed, or cannot reach an aggregator that was
		f.mu.Lock()
		f.cmd = nil
		f.mu.Unlock()
		aMoment(ctx, 50*time.Millisecond)
	}
}

// kill ends the running agent.
func (f *fighter) kill() { f.signal(syscall.SIGKILL) }

func (f *fighter) signal(signal os.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cmd != nil {
		_ = f.cmd.Process.Signal(signal) // it may have ended
	}
}

// changeOften changes the machine's packages and wakes its agent.
func (f *fighter) changeOften(ctx context.Context) {
	const names = 40
	for ctx.Err() == nil {
		changes := 1
		if f.rand.IntN(10) == 0 {
			changes = 30
		}
		for range changes {
			name := fmt.Sprintf("moving%d", f.rand.IntN(names))
			if version := f.rand.IntN(4); version > 0 {
				f.endpoint.debs[name] = version
			} else {
				delete(f.endpoint.debs, name)
			}
		}
		f.endpoint.writeStatus()
		if !slices.Contains(f.args, "--once") {
			f.signal(syscall.SIGHUP)
		}
		aMoment(ctx, time.Duration(50+f.rand.IntN(250))*time.Millisecond)
	}
}

// acknowledged returns the roots that the agents were told to be committed, in order.
func (f *fighter) acknowledged() []string {
	var roots []string
	for _, line := range lines(f.out.String(), "committed") {
		var said struct {
			Message string `json:"msg"`
			Outcome string `json:"outcome"`
			Root    string `json:"root"`
		}
		if json.Unmarshal([]byte(line), &said) != nil {
			continue // cut off by a kill
		}
		if said.Message == "snapshot committed" || said.Outcome == "committed" {
			roots = append(roots, said.Root)
		}
	}
	return roots
}
