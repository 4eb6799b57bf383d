// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// endpoint is a machine for a real agent: a file tree and a state folder.
type endpoint struct {
	t     testing.TB
	root  string
	state string
	debs  map[string]int // package → version
}

// newEndpoint makes a small Debian with a machine id of its own.
func newEndpoint(t testing.TB, packages int) *endpoint {
	t.Helper()
	dir := t.TempDir()
	e := &endpoint{t: t, root: filepath.Join(dir, "root"), state: filepath.Join(dir, "state"), debs: map[string]int{}}
	for i := range packages {
		e.debs[fmt.Sprintf("base%d", i)] = 1
	}
	e.write("etc/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")
	e.write("etc/machine-id", machineID()+"\n")
	e.write(".dockerenv", "") // the firmware of this machine is not the endpoint's
	e.writeStatus()
	return e
}

// machineID draws the 32 digits of a machine id.
func machineID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// write puts a file into the tree in one step.
func (e *endpoint) write(name, content string) {
	path := filepath.Join(e.root, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path+".new", []byte(content), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		e.t.Errorf("write %s: %v", name, err)
	}
}

// writeStatus writes dpkg's list of what is installed.
func (e *endpoint) writeStatus() {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e.debs)) {
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: misc\n"+
			"Maintainer: Somebody <somebody@example.org>\nArchitecture: all\nVersion: %d.0-1\nInstalled-Size: 10\n\n", name, e.debs[name])
	}
	e.write("var/lib/dpkg/status", b.String())
}

// cycle is what `run --once` prints.
type cycle struct {
	Outcome         string   `json:"outcome"`
	SerialNumber    string   `json:"serial_number"`
	Root            string   `json:"root"`
	Transport       string   `json:"transport"`
	BytesSent       int64    `json:"bytes_sent"`
	BytesReceived   int64    `json:"bytes_received"`
	SectionsChanged []string `json:"sections_changed"`
	Packages        int      `json:"packages"`
	Calls           []struct {
		Call          string `json:"call"`
		BytesSent     int64  `json:"bytes_sent"`
		BytesReceived int64  `json:"bytes_received"`
	} `json:"calls"`
}

// agent runs a verb of the agent on the endpoint.
func (e *endpoint) agent(started func(*exec.Cmd), verb string, args ...string) (string, error) {
	e.t.Helper()
	all := []string{verb, "--root", e.root}
	if verb != "collect" {
		all = append(all, "--state-dir", e.state)
	}
	return runProgram(e.t, started, "rollcall-agent", append(all, args...)...)
}

// enroll makes the endpoint known to a site.
func (e *endpoint) enroll(server, secret string, args ...string) {
	e.t.Helper()
	if _, err := e.agent(nil, "enroll", append([]string{"--server", server, "--secret", secret}, args...)...); err != nil {
		e.t.Fatalf("enroll: %v", err)
	}
}

// once reports once.
func (e *endpoint) once(args ...string) (cycle, error) {
	e.t.Helper()
	out, err := e.agent(nil, "run", append([]string{"--once"}, args...)...)
	if err != nil {
		return cycle{}, err
	}
	return cycleOf(out)
}

// mustOnce is once for reports that have to succeed.
func (e *endpoint) mustOnce(args ...string) cycle {
	e.t.Helper()
	c, err := e.once(args...)
	if err != nil {
		e.t.Fatalf("run --once: %v", err)
	}
	return c
}

func cycleOf(out string) (cycle, error) {
	var c cycle
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return c, fmt.Errorf("what run --once printed (%q): %w", out, err)
	}
	return c, nil
}
