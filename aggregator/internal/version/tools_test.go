// SPDX-License-Identifier: Apache-2.0

package version

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// found says whether the ecosystem's own tool is on this machine, and says so loudly when it is not: the ladders still
// hold then, but nothing independent has been asked.
func found(t *testing.T, tool string) bool {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Logf("ATTENTION: %s IS NOT ON THIS MACHINE, so random versions were NOT compared with what it says", tool)
		return false
	}
	return true
}

// pairs draws random versions of a kind, most of them near one another, always the same ones.
func pairs(kind string, n int) [][2]string {
	pair := rapid.Custom(func(t *rapid.T) [2]string {
		v := drawThree(t, kind, generators[kind])
		return [2]string{v[0], v[1]}
	})
	drawn := make([][2]string, n)
	for i := range drawn {
		drawn[i] = pair.Example(i)
	}
	return drawn
}

// output runs a program of the machine with a script as its input.
func output(t *testing.T, script string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", command[0], err)
	}
	return string(out)
}

func TestDpkgAgrees(t *testing.T) {
	t.Parallel()
	if !found(t, "dpkg") {
		return
	}
	var script strings.Builder
	for _, p := range pairs("deb_packages", 1200) { // a process each
		relation := [...]string{"lt", "eq", "gt"}[compared(t, "deb_packages", p[0], p[1])+1]
		fmt.Fprintf(&script, "dpkg --compare-versions '%s' %s '%s' || echo 'got %[1]s %[2]s %[3]s, dpkg disagrees'\n", p[0], relation, p[1])
	}
	for _, v := range []string{"1.0-1", "1:1", "1-1:1", "a1", "1_1", "1-", ":1", "1:", "0:1:1-1", "1-1-1~", "99999999999:1", "-1", "1:-1", "1 1", "é"} {
		want := "!"
		if Check("deb_packages", v) == nil {
			want = ""
		}
		fmt.Fprintf(&script, "%s dpkg --validate-version '%s' 2>/dev/null || echo 'dpkg thinks otherwise of %[2]s'\n", want, v)
	}
	if out := output(t, script.String(), "sh"); out != "" {
		t.Error(out)
	}
}

func TestRpmAgrees(t *testing.T) {
	t.Parallel()
	if !found(t, "rpm") {
		return
	}
	var script strings.Builder
	script.WriteString("function check(a, b, ours) local c = rpm.vercmp(a, b); if c ~= ours then print(a .. ' ' .. b .. ': got ' .. ours .. ', rpm says ' .. c .. '; ') end end\n")
	for _, p := range pairs("rpm_packages", 5000) {
		fmt.Fprintf(&script, "check(%q, %q, %d)\n", p[0], p[1], compared(t, "rpm_packages", p[0], p[1]))
	}
	script.WriteString("print('done')\n")
	path := filepath.Join(t.TempDir(), "compare.lua")
	if err := os.WriteFile(path, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := output(t, "", "rpm", "--eval", `%{lua:dofile("`+path+`")}`); strings.TrimSpace(out) != "done" {
		t.Error(out)
	}
}
