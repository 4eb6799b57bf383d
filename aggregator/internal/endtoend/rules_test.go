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

// promtool runs Prometheus's own checks, and says loudly when they are not there.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED: nobody tested the rules for Prometheus: apt-get install -y prometheus")
	}
	cmd := command(path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusRulesHoldTheirTests(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(packaged, "prometheus")
	promtool(t, "", "check", "rules", "--lint-fatal", filepath.Join(folder, rulesFile))
	promtool(t, "", append([]string{"test", "rules"}, ruleTests(t)...)...)
}

// ruleTests returns the files of promtool's tests.
func ruleTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(packaged, "prometheus", "*.test.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got the tests %q, %v", files, err)
	}
	return files
}

// TestEveryAlertIsTested holds the names of alerts and recording rules against their tests.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	tests := ""
	for _, name := range ruleTests(t) {
		tests += readPackaged(t, "prometheus", filepath.Base(name))
	}
	alerts := 0
	for line := range strings.Lines(readPackaged(t, "prometheus", rulesFile)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "- alert: ")
		if !ok {
			continue
		}
		alerts++
		if !strings.Contains(tests, "  - name: "+name+"\n") {
			t.Errorf("nothing tests %s", name)
		}
	}
	if alerts == 0 {
		t.Error("no alerts")
	}
	for name := range recorded(t) {
		if !strings.Contains(tests, "expr: "+name) && !strings.Contains(tests, "("+name) && !strings.Contains(tests, "'"+name) {
			t.Errorf("nothing tests %s", name)
		}
	}
}

// TestPrometheusTakesTheScrapeConfiguration gives the example the files that it names.
func TestPrometheusTakesTheScrapeConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	example := readPackaged(t, "prometheus", "prometheus.example.yml")
	for name, content := range map[string]string{
		"/etc/prometheus/rollcall.token":                    "secret\n",
		"/etc/prometheus/rollcall-ca.pem":                   "",
		"/usr/share/rollcall/prometheus/rollcall.rules.yml": readPackaged(t, "prometheus", rulesFile),
	} {
		if !strings.Contains(example, name) {
			t.Fatalf("the example does not name %s", name)
		}
		file := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		example = strings.ReplaceAll(example, name, file)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "config", file)
}
