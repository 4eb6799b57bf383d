// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestE2EArm64 lets the agent that is built for arm64 collect, with an emulated processor, what one for this machine
// collects too.
func TestE2EArm64(t *testing.T) {
	t.Parallel()
	emulator, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		t.Skip("SKIPPED: no qemu-aarch64 on this machine (make e2e-deps)")
	}
	dir := t.TempDir()
	build := func(arch string) string {
		t.Helper()
		program := filepath.Join(dir, arch)
		cmd := exec.Command("go", "build", "-tags", "release", "-o", program, "./cmd/rollcall-agent")
		cmd.Dir = filepath.Join("..", "..", "..", "agent")
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build for %s: %v\n%s", arch, err, out)
		}
		return program
	}
	collected := func(command ...string) map[string]json.RawMessage {
		t.Helper()
		// Programs come and go meanwhile, and an emulated process looks different from outside.
		command = append(command, "collect", "--format", "json", "--disabled-collectors", "listening_ports,jvms,services")
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
		var tree map[string]json.RawMessage
		if err := json.Unmarshal(out, &tree); err != nil {
			t.Fatal(err)
		}
		return tree
	}
	here, there := collected(build("amd64")), collected(emulator, build("arm64"))
	for kind, want := range here {
		if kind == "system_info" || kind == "processors" {
			continue // the emulator says that the kernel is aarch64
		}
		if got := there[kind]; string(got) != string(want) {
			t.Errorf("%s:\narm64 %.400s\nhere  %.400s", kind, got, want)
		}
	}
	var system struct {
		Arch string `json:"cpu_type"`
	}
	if err := json.Unmarshal(there["system_info"], &system); err != nil || system.Arch != "aarch64" {
		t.Errorf("system_info %s, %v", there["system_info"], err)
	}
}
