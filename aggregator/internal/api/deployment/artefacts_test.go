// SPDX-License-Identifier: Apache-2.0

//go:build unix

package deployment_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// packages writes files that are named like the agent's packages.
func packages(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		write(t, filepath.Join(dir, name), "content of "+name, 0o644)
	}
	return dir
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

var built = []string{
	"rollcall-agent_1.2.3-1_amd64.deb", "rollcall-agent_1.2.3-1_arm64.deb", "rollcall-agent-1.2.3-1.x86_64.rpm", "rollcall-agent-1.2.3-1.aarch64.rpm",
	"rollcall-agent_1.2.3-r1_x86_64.apk", "rollcall-agent-1.2.3-1-x86_64.pkg.tar.zst", "rollcall-agent-v1.2.3-darwin-arm64.tar.gz",
	"rollcall-agent-v1.2.3-darwin-amd64.tar.gz", "rollcall-agent-v1.2.3-windows-amd64.msi",
	"rollcall-v1.2.3-linux-amd64.tar.gz", "rollcall-agent_1.2.3-1_amd64.deb.spdx.json", "SHA256SUMS",
}

// enrolled makes an enrolment of each kind and returns the secret of osquery's.
func enrolled(c *client) string {
	c.t.Helper()
	prepare(c)
	body := `{"configuration":1,"secret":{"meta_business_unit":1}}`
	secret := takeSecret(c.t, c.object(http.MethodPost, "/api/osquery/enrollments/", body, http.StatusCreated))
	c.send(http.MethodPost, "/api/munki/enrollments/", body).Want(http.StatusCreated)
	return secret
}

func TestWithoutPackagesAnArtefactSaysWhatToConfigure(t *testing.T) {
	t.Parallel()
	for dir, says := range map[string]string{"": "start it with --agent-packages", packages(t, "SHA256SUMS"): "has none of the agent's packages for deb, rpm, apk, arch"} {
		c := newClient(t, apitest.Options{AgentPackages: dir})
		enrolled(c)
		c.send(http.MethodGet, "/api/osquery/enrollments/1/script/", "").Want(http.StatusNotFound).Says(says)
		c.send(http.MethodGet, "/api/osquery/enrollments/2/script/", "").Want(http.StatusNotFound).Says("No Enrollment matches the given query.")
	}
}

func TestAgentPackagesAreForHoldersOfASecretOrAToken(t *testing.T) {
	t.Parallel()
	dir := packages(t, built...)
	write(t, filepath.Join(filepath.Dir(dir), "rollcall-agent_9_amd64.deb"), "outside", 0o644)
	if err := os.Symlink("../rollcall-agent_9_amd64.deb", filepath.Join(dir, "rollcall-agent_8_amd64.deb")); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, apitest.Options{AgentPackages: dir})
	secret := enrolled(c)
	ask := func(file, authorization string) apitest.Answer {
		req := apitest.Request(t, http.MethodGet, "/api/v1/agent_packages/"+file, nil)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		return c.Send(req)
	}
	ask(built[0], "Bearer "+secret).Want(http.StatusOK).Says("content of " + built[0])
	ask(built[0], "Token "+c.Tokens[auth.Viewer]).Want(http.StatusOK)
	ask(built[0], "Bearer "+c.Tokens[auth.Viewer]).Want(http.StatusOK)
	for _, who := range []string{"", "Bearer " + strings.Repeat("x", 64), "Bearer x", "Token " + secret, "Bearer ztls_nonsense"} {
		ask(built[0], who).Want(http.StatusUnauthorized)
	}
	for _, file := range []string{
		"SHA256SUMS", "rollcall-agent_1.2.3-1_amd64.deb.spdx.json", "rollcall-agent_7_amd64.deb", "..%2Frollcall-agent_9_amd64.deb", "%2e%2e",
	} {
		ask(file, "Bearer "+secret).Want(http.StatusNotFound)
	}
	if got := ask("rollcall-agent_8_amd64.deb", "Bearer "+secret); got.Status == http.StatusOK {
		t.Errorf("a link out of the folder: got %s", got.Body)
	}
	c.send(http.MethodDelete, "/api/osquery/enrollments/1/", "").Want(http.StatusNoContent)
	ask(built[0], "Bearer "+secret).Want(http.StatusUnauthorized)
}

// machine is a folder of programs that a script finds instead of the system's; each writes down how it was called.
type machine struct {
	t         *testing.T
	bin, home string
}

func newMachine(t *testing.T, managers ...string) *machine {
	t.Helper()
	m := &machine{t: t, bin: t.TempDir(), home: t.TempDir()}
	for _, tool := range []string{"sh", "mktemp", "rm", "cat", "grep", "tar", "mkdir", "curl", "sha256sum", "head"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
		if err := os.Symlink(path, filepath.Join(m.bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	m.program("id", "echo 0")
	m.program("uname", "echo x86_64")
	m.program("rollcall-agent", `echo "rollcall-agent $*" >>"$HOME/calls"; while [ $# -gt 0 ]; do if [ "$1" = --secret-file ]; then cat "$2" >"$HOME/secret"; fi; shift; done`)
	for _, name := range managers {
		m.program(name, `echo "`+name+` $*" >>"$HOME/calls"; for last; do :; done; if [ -f "$last" ]; then cat "$last" >"$HOME/installed"; fi`)
	}
	return m
}

func (m *machine) program(name, script string) {
	write(m.t, filepath.Join(m.bin, name), "#!/bin/sh\n"+script+"\n", 0o755)
}

// run runs a script and returns what it printed, and whether it succeeded.
func (m *machine) run(script []byte) (string, bool) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), "/bin/sh")
	cmd.Stdin = bytes.NewReader(script)
	cmd.Env = []string{"PATH=" + m.bin, "HOME=" + m.home, "TMPDIR=" + m.home}
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func (m *machine) read(name string) string {
	raw, _ := os.ReadFile(filepath.Join(m.home, name)) // what was not written is empty
	return string(raw)
}

// listen serves the doors, for programs that are not this one, and returns an artefact with their address in it.
func listen(c *client, path string) []byte {
	c.t.Helper()
	req := apitest.Request(c.t, http.MethodGet, path, nil)
	req.Host = strings.TrimPrefix(c.Listen(), "http://")
	req.Header.Set("Authorization", "Token "+c.Tokens[auth.Admin])
	return c.Send(req).Want(http.StatusOK).Body
}

func TestTheScriptInstallsWhatTheMachineTakes(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{AgentPackages: packages(t, built...)})
	secret := enrolled(c)
	script := listen(c, "/api/osquery/enrollments/1/script/")
	for _, test := range []struct {
		managers        []string
		installs, calls string
	}{
		{[]string{"dpkg"}, built[0], "dpkg -i "},
		{[]string{"dpkg", "rpm"}, built[0], "dpkg -i "}, // Debian with the tools of rpm
		{[]string{"rpm"}, built[2], "rpm -U --replacepkgs "},
		{[]string{"rpm", "dnf", "dpkg"}, built[2], "rpm -U --replacepkgs "}, // Fedora with the tools of dpkg
		{[]string{"apk"}, built[4], "apk add --allow-untrusted "},
		{[]string{"pacman"}, built[5], "pacman -U --noconfirm "},
	} {
		m := newMachine(t, test.managers...)
		out, ok := m.run(script)
		if !ok {
			t.Errorf("%v: %s", test.managers, out)
			continue
		}
		if got := m.read("installed"); got != "content of "+test.installs {
			t.Errorf("%v: installed %q, want %s", test.managers, got, test.installs)
		}
		calls := m.read("calls")
		if !strings.HasPrefix(calls, test.calls) || !strings.Contains(calls, "\nrollcall-agent enroll --server http://127.0.0.1:") {
			t.Errorf("%v: calls %s", test.managers, calls)
		}
		if got := strings.TrimSpace(m.read("secret")); got != secret || strings.Contains(calls+out, secret) {
			t.Errorf("%v: enrolled with %q; the secret on a command line: %v", test.managers, got, strings.Contains(calls+out, secret))
		}
		if left, _ := filepath.Glob(filepath.Join(m.home, "tmp.*")); len(left) > 0 {
			t.Errorf("%v: left behind %v", test.managers, left)
		}
	}
}

func TestTheScriptInstallsNothingThatItShouldNot(t *testing.T) {
	t.Parallel()
	dir := packages(t, built...)
	c := newClient(t, apitest.Options{AgentPackages: dir})
	enrolled(c)
	script := listen(c, "/api/osquery/enrollments/1/script/")
	refuses := func(what string, m *machine, says string) {
		t.Helper()
		out, ok := m.run(script)
		if ok || !strings.Contains(out, says) || m.read("calls") != "" {
			t.Errorf("%s: success %v, calls %q, printed %s", what, ok, m.read("calls"), out)
		}
	}
	m := newMachine(t, "dpkg")
	m.program("id", "echo 1000")
	refuses("not root", m, "run this as root")
	m = newMachine(t, "dpkg")
	m.program("uname", "echo riscv64")
	refuses("another architecture", m, "there is no agent for riscv64")
	refuses("no package manager", newMachine(t), "neither dpkg nor rpm, apk or pacman")
	m = newMachine(t, "apk")
	m.program("uname", "echo aarch64")
	refuses("no such package", m, "no package of the agent for apk on arm64")
	write(t, filepath.Join(dir, built[0]), "something else", 0o644)
	refuses("another file", newMachine(t, "dpkg"), "is not the file that it should be")
	c.send(http.MethodDelete, "/api/osquery/enrollments/1/", "").Want(http.StatusNoContent)
	refuses("a secret that is gone", newMachine(t, "dpkg"), "not downloaded")
}

func TestScriptsAreCleanShell(t *testing.T) {
	t.Parallel()
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	c := newClient(t, apitest.Options{AgentPackages: packages(t, built...)})
	enrolled(c)
	for name, script := range map[string][]byte{
		"script":      listen(c, "/api/osquery/enrollments/1/script/"),
		"postinstall": unpacked(t, listen(c, "/api/munki/enrollments/2/package/"), "postinstall"),
	} {
		cmd := exec.CommandContext(t.Context(), shellcheck, "-s", "sh", "-")
		cmd.Stdin = bytes.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// unpacked returns a script of a macOS package, as bsdtar reads it.
func unpacked(t *testing.T, pkg []byte, name string) []byte {
	t.Helper()
	bsdtar, err := exec.LookPath("bsdtar")
	if err != nil {
		t.Skip("bsdtar is not installed")
	}
	dir := t.TempDir()
	for _, step := range []struct {
		archive []byte
		args    []string
	}{{pkg, []string{"-xf", "-"}}, {nil, []string{"-xf", "Scripts"}}} {
		cmd := exec.CommandContext(t.Context(), bsdtar, step.args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(step.archive)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("bsdtar %v: %v\n%s", step.args, err, out)
		}
	}
	script, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.ReadFile(filepath.Join(dir, "PackageInfo")); err != nil || !bytes.Contains(info, []byte(`<postinstall file="./postinstall"/>`)) {
		t.Errorf("PackageInfo: %s, %v", info, err)
	}
	return script
}

func TestTheMacPackageInstallsTheAgentOfItsArchitecture(t *testing.T) {
	t.Parallel()
	dir := packages(t, built[7])
	name := filepath.Join(dir, "rollcall-agent-v1.2.3-darwin-arm64.tar.gz")
	agent := t.TempDir()
	if err := os.Mkdir(filepath.Join(agent, "rollcall-agent"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(agent, "rollcall-agent", "install.sh"), "#!/bin/sh\nrollcall-agent \"$@\"\n", 0o755)
	if out, err := exec.CommandContext(t.Context(), "tar", "-czf", name, "-C", agent, "rollcall-agent").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := newClient(t, apitest.Options{AgentPackages: dir})
	secret := enrolled(c)
	script := unpacked(t, listen(c, "/api/osquery/enrollments/1/package/"), "postinstall")
	m := newMachine(t)
	if path, err := exec.LookPath("gzip"); err == nil {
		_ = os.Symlink(path, filepath.Join(m.bin, "gzip")) // tar starts it
	}
	m.program("sysctl", "echo 1") // Rosetta says x86_64
	if out, ok := m.run(script); !ok {
		t.Fatal(out)
	}
	if calls := m.read("calls"); !strings.HasPrefix(calls, "rollcall-agent --server http://127.0.0.1:") || strings.TrimSpace(m.read("secret")) != secret {
		t.Errorf("calls %s, secret %q", calls, m.read("secret"))
	}
}

func TestThePowershellScriptHasWhatItNeeds(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{AgentPackages: packages(t, built...)})
	secret := enrolled(c)
	script := string(listen(c, "/api/osquery/enrollments/1/powershell_script/"))
	// printf 'content of rollcall-agent-v1.2.3-windows-amd64.msi' | sha256sum
	for _, line := range []string{
		"'amd64' = @('rollcall-agent-v1.2.3-windows-amd64.msi', '37110f01a71ea57e0184403d86904f6544219d0326cf2135a90734d37cf4efa9')", "$secret = '" + secret + "'", "$server = 'http://127.0.0.1:",
	} {
		if !strings.Contains(script, line) {
			t.Errorf("it lacks %s:\n%s", line, script)
		}
	}
	if got := strings.Count(script, secret); got != 1 {
		t.Errorf("the secret is there %d times", got)
	}
}
