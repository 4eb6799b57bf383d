// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// These tests compare what a collector finds on the machine that they run on with what the machine's own tools say.

// gatherHere runs a collector on this machine; what privilege hides is no failure.
func gatherHere(t *testing.T, name string) *inventoryv1.Snapshot {
	t.Helper()
	snap, err := gather(t, name, host.Local())
	if err != nil && !errors.Is(err, ErrAbsent) && !errors.As(err, new(*unreadable)) {
		t.Fatal(err)
	}
	return snap
}

// toolPath returns where a program is, or skips.
func toolPath(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT COMPARED: this machine has no %s", name)
	}
	return found
}

// printed runs a program and returns what it prints, whatever its exit status: npm complains that way about packages.
func printed(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Dir = "/"
	out, err := command.Output()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return string(out)
}

// sameSet compares two sets.
func sameSet(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("collected and unknown to the tool: %s", g)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("known to the tool and not collected: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows, the tool has %d", len(got), len(want))
	}
}

func TestDebPackagesAreThoseOfDpkgQuery(t *testing.T) {
	t.Parallel()
	out := printed(t, toolPath(t, "dpkg-query"), "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n")
	var want, got []string
	for _, line := range strings.Split(out, "\n") {
		if p, ok := strings.CutPrefix(line, "installed "); ok {
			want = append(want, p)
		}
	}
	for _, p := range gatherHere(t, "deb_packages").GetDebPackages() {
		got = append(got, p.GetName()+" "+p.GetVersion()+" "+p.GetArch())
	}
	sameSet(t, got, want)
}

// interpreter is a name of a Python, without the helpers python3-config and the like.
var interpreter = regexp.MustCompile(`^python(2\.\d+|3\.\d+)$`)

// pythonList prints what pip lists, for interpreters that have none.
const pythonList = `import sys, json
sys.path = [p for p in sys.path if p]
try:
    from pip._internal.cli.main import main
except ImportError:
    try:
        from pip._internal import main
    except ImportError:
        from importlib.metadata import distributions
        print(json.dumps([{"name": d.metadata["Name"], "version": d.version} for d in distributions()])); sys.exit()
sys.exit(main(["list", "--format", "json", "--disable-pip-version-check"]))`

func TestPythonPackagesAreThoseOfPip(t *testing.T) {
	t.Parallel()
	rows := gatherHere(t, "python_packages").GetPythonPackages()
	var programs []string
	for _, pattern := range []string{"/usr/bin/python*", "/usr/local/bin/python*", "/root/.pyenv/versions/*/bin/python*", "/opt/*/bin/python*"} {
		found, _ := filepath.Glob(pattern)
		programs = append(programs, found...)
	}
	compared := 0
	for _, program := range programs {
		if !interpreter.MatchString(filepath.Base(program)) {
			continue
		}
		if info, err := os.Lstat(program); err != nil || !info.Mode().IsRegular() {
			continue
		}
		compared++
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			var folders []string
			if err := json.Unmarshal([]byte(printed(t, program, "-c", "import sys, json; print(json.dumps(sys.path))")), &folders); err != nil {
				t.Fatal(err)
			}
			var listed []struct{ Name, Version string }
			if err := json.Unmarshal([]byte(printed(t, program, "-c", pythonList)), &listed); err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, p := range listed {
				want = append(want, pythonName(p.Name)+" "+p.Version)
			}
			seen := map[string]bool{} // the first folder of the path that has a distribution wins
			for _, folder := range folders {
				for _, row := range rows {
					if name := pythonName(row.GetName()); row.GetPath() == folder && !seen[name] {
						seen[name] = true
						got = append(got, name+" "+row.GetVersion())
					}
				}
			}
			sameSet(t, got, want)
		})
	}
	if compared == 0 {
		t.Skip("NOT COMPARED: this machine has no Python in a standard place")
	}
}

// npmTree is what npm ls --json prints.
type npmTree struct {
	Version      string
	Path         string
	Dependencies map[string]npmTree
}

// rows lists the packages below a tree as they lie in folders.
func (n npmTree) rows(found map[string]bool) {
	for name, d := range n.Dependencies {
		if d.Version != "" && !strings.Contains(d.Path, "missing") {
			found[name+" "+d.Version+" "+d.Path] = true
		}
		d.rows(found)
	}
}

func TestNpmPackagesAreThoseOfNpm(t *testing.T) {
	t.Parallel()
	npm := toolPath(t, "npm")
	root := strings.TrimSpace(printed(t, npm, "root", "--global"))
	rows := gatherHere(t, "npm_packages").GetNpmPackages()
	for _, tt := range []struct {
		name      string
		arguments []string
		all       bool
	}{
		{"what a global folder holds", []string{"ls", "--global", "--json", "--long", "--depth=0"}, false},
		{"with what the packages carry", []string{"ls", "--global", "--json", "--long", "--all"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var tree npmTree
			if err := json.Unmarshal([]byte(printed(t, npm, tt.arguments...)), &tree); err != nil {
				t.Fatal(err)
			}
			found := map[string]bool{}
			tree.rows(found)
			var want, got []string
			for w := range found {
				want = append(want, w)
			}
			for _, r := range rows {
				inner, below := strings.CutPrefix(r.GetPath(), root+"/")
				if below && (tt.all || !strings.Contains(inner, "/node_modules/")) {
					got = append(got, r.GetName()+" "+r.GetVersion()+" "+r.GetPath())
				}
			}
			sameSet(t, got, want)
		})
	}
}

func TestGemPackagesAreThoseOfGem(t *testing.T) {
	t.Parallel()
	gem := toolPath(t, "gem")
	script := "Gem::Specification.each { |s| puts [s.name, s.version, s.platform].join(' ') }"
	out := printed(t, filepath.Join(filepath.Dir(gem), "ruby"), "-e", script)
	folders := strings.Fields(printed(t, gem, "environment", "path"))
	if len(folders) == 1 {
		folders = strings.Split(folders[0], ":")
	}
	want := strings.Split(strings.TrimSpace(out), "\n")
	var got []string // RubyGems tells of a gem that is in two of its folders once
	for _, r := range gatherHere(t, "gem_packages").GetGemPackages() {
		for _, folder := range folders {
			row := strings.Join([]string{r.GetName(), r.GetVersion(), r.GetPlatform()}, " ")
			if strings.HasPrefix(r.GetPath(), folder+"/specifications/") && !slices.Contains(got, row) {
				got = append(got, row)
			}
		}
	}
	sameSet(t, got, want)
}

func TestGoBinariesAreThoseOfGo(t *testing.T) {
	t.Parallel()
	program := toolPath(t, "go")
	rows := gatherHere(t, "go_binaries").GetGoBinaries()
	if len(rows) == 0 {
		t.Skip("NOT COMPARED: this machine has no program of Go in a standard place")
	}
	for _, row := range rows {
		out := printed(t, program, "version", "-m", row.GetPath())
		if !strings.Contains(out, row.GetGoVersion()) || row.Package != nil && !strings.Contains(out, "\tpath\t"+row.GetPackage()+"\n") {
			t.Errorf("%s: %s and %s, go says\n%s", row.GetPath(), row.GetGoVersion(), row.GetPackage(), out)
		}
		if got, want := len(row.GetModules()), strings.Count(out, "\tdep\t"); got != want {
			t.Errorf("%s: %d modules, go says %d", row.GetPath(), got, want)
		}
	}
}
