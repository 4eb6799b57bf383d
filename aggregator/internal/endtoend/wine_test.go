// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wine is a Windows of the test's own, with a program that is built for it.
type wine struct {
	t       *testing.T
	prefix  string
	program string
}

// newWine makes a prefix, and a Windows program with a command of Go's in the folder of the agent.
func newWine(t *testing.T, name string, goArgs ...string) *wine {
	t.Helper()
	for _, tool := range []string{"wine", "x86_64-w64-mingw32-gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: no %s on this machine (make e2e-deps)", tool)
		}
	}
	dir := t.TempDir()
	w := &wine{t: t, prefix: filepath.Join(dir, "prefix"), program: filepath.Join(dir, name)}
	args := append([]string{goArgs[0], "-o", w.program}, goArgs[1:]...)
	build := exec.Command("go", args...)
	build.Dir = filepath.Join("..", "..", "..", "agent")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for Windows: %v\n%s", err, out)
	}
	t.Cleanup(func() { _, _ = w.run("--end") }) // nothing may be left to end
	w.must("--prepare")
	return w
}

// run runs a program of Windows, or tools/wine.sh with an option.
func (w *wine) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join("..", "..", "..", "tools", "wine.sh"), args...)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+w.prefix)
	stdout, stderr := w.file("stdout"), w.file("stderr") // files, because a pipe stays open as long as Windows runs
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	if err != nil {
		w.t.Logf("%v: %v\n%s", args, err, content(stderr))
	}
	return content(stdout), err
}

// file makes an empty file beside the prefix.
func (w *wine) file(name string) *os.File {
	f, err := os.Create(filepath.Join(filepath.Dir(w.prefix), name))
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func content(f *os.File) string {
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// must is run for what has to succeed.
func (w *wine) must(args ...string) string {
	w.t.Helper()
	out, err := w.run(args...)
	if err != nil {
		w.t.Fatalf("%v: %v", args, err)
	}
	return out
}

// once lets the agent report once.
func (w *wine) once() cycle {
	w.t.Helper()
	c, err := cycleOf(w.must(w.program, "run", "--once"))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// windowsTree is what the test reads of a snapshot, from the agent and from the API.
type windowsTree struct {
	Platform  string `json:"platform"`
	OSVersion struct {
		Name string `json:"name"`
	} `json:"os_version"`
	SystemInfo struct {
		ComputerName string `json:"computer_name"`
		CPUBrand     string `json:"cpu_brand"`
		MachineID    string `json:"machine_id"`
	} `json:"system_info"`
	NetworkInterfaces []json.RawMessage `json:"network_interfaces"`
	Disks             []json.RawMessage `json:"disks"`
	Filesystems       []struct {
		Path string `json:"path"`
	} `json:"filesystems"`
	Services []struct {
		Name string `json:"name"`
	} `json:"services"`
	Programs []struct {
		Program struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"program"`
	} `json:"program_instances"`
}

// programs are names and versions.
func (s windowsTree) programs() []string {
	var all []string
	for _, p := range s.Programs {
		all = append(all, p.Program.Name+" "+p.Program.Version)
	}
	return all
}

// uninstallKey is where the test registers a program, as an installer does.
const uninstallKey = `HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\RollcallTest`

// TestE2EWindowsAgent runs the agent that is built for Windows: it collects, enrols with a real aggregator, reports, is
// silent while nothing changes, and reports a program that was installed since.
func TestE2EWindowsAgent(t *testing.T) {
	t.Parallel()
	w := newWine(t, "rollcall-agent.exe", "build", "-trimpath", "./cmd/rollcall-agent")
	var found windowsTree
	if err := json.Unmarshal([]byte(w.must(w.program, "collect", "--format", "json")), &found); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(found.OSVersion.Name, "Windows") || found.SystemInfo.ComputerName == "" || found.SystemInfo.CPUBrand == "" ||
		len(found.SystemInfo.MachineID) != 64 || len(found.NetworkInterfaces) == 0 || len(found.Services) == 0 || len(found.Filesystems) == 0 {
		t.Errorf("collected %+v", found)
	}

	s := newSite(t)
	token := s.must("token", "create", "--name", "test", "--role", "viewer")
	w.must(w.program, "enroll", "--server", s.url, "--secret", s.must("enrollment", "create", "--name", "test"))
	first := w.once()
	if first.Outcome != "committed" || first.SerialNumber == "" {
		t.Fatalf("the first report: %+v", first)
	}
	var stored windowsTree
	s.get(token, "/api/v1/machines/"+first.SerialNumber+"/snapshot", &stored)
	if stored.Platform != "WINDOWS" || stored.OSVersion != found.OSVersion || len(stored.Services) != len(found.Services) {
		t.Errorf("the aggregator has %+v, the agent collected %+v", stored, found)
	}
	if second := w.once(); second.Outcome != "current" {
		t.Errorf("nothing changed: %+v", second)
	}

	for _, v := range []string{"DisplayName=Rollcall Test", "DisplayVersion=1.2.3", "Publisher=Somebody", "InstallDate=20240229"} {
		name, value, _ := strings.Cut(v, "=")
		w.must("reg", "add", uninstallKey, "/v", name, "/d", value, "/f")
	}
	third := w.once()
	if third.Outcome != "committed" || !slices.Contains(third.SectionsChanged, "program_instances") {
		t.Errorf("after a program was installed: %+v", third)
	}
	s.get(token, "/api/v1/machines/"+first.SerialNumber+"/snapshot", &stored)
	if !slices.Contains(stored.programs(), "Rollcall Test 1.2.3") {
		t.Errorf("programs: %q", stored.programs())
	}
	if last := w.once(); last.Outcome != "current" {
		t.Errorf("nothing changed: %+v", last)
	}
}

// TestE2EWindowsDoors runs the agent's questions to Windows where they are answered.
func TestE2EWindowsDoors(t *testing.T) {
	t.Parallel()
	w := newWine(t, "host.test.exe", "test", "-c", "./internal/host")
	out, err := w.run(w.program, "-test.v", "-test.run", "Windows|Firmware|ThisMachineAnswers|Registry")
	if err != nil || !strings.Contains(out, "--- PASS: TestWindowsAnswers") {
		t.Errorf("%v\n%s", err, out)
	}
}
