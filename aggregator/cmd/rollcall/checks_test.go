// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const ownChecks = `- name: new openssl
  severity: high
  labels: [CIS 1.2]
  source_name: test
  platforms: [LINUX]
  jmespath_expression: deb_packages[?name == 'openssl'] | [?compare_versions('deb_packages', version, '3.0.11') < ` + "`0`] == `[]`" + `
- {name: always, source_name: test, jmespath_expression: "` + "`true`" + `"}
`

// file writes a file of checks.
func file(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChecksAreAppliedAndStayAsTheyAre(t *testing.T) {
	t.Parallel()
	_, s := sit(t)
	path := file(t, t.TempDir(), "own.yaml", ownChecks)
	apply := func(want string, more ...string) {
		t.Helper()
		code, out, beside := s.types(append([]string{"checks", "apply", "-f", path}, more...)...)
		if code != exitOK || !strings.Contains(beside, want) {
			t.Errorf("exit %d, %s%s, want %s", code, out, beside, want)
		}
	}
	apply("Nothing was done. Would be: 2 created", "--dry-run")
	if out := s.gets("-o", "json", "checks", "list"); strings.TrimSpace(out) != "[]" {
		t.Errorf("a dry run made checks: %s", out)
	}
	apply("2 created, 0 updated, 0 unchanged")
	apply("0 created, 0 updated, 2 unchanged")
	file(t, filepath.Dir(path), "own.yaml", strings.Replace(ownChecks, "severity: high", "severity: critical", 1))
	apply("0 created, 1 updated, 1 unchanged")
	file(t, filepath.Dir(path), "own.yaml", strings.Replace(ownChecks, "3.0.11", "3.0.12", 1))
	apply("1 updated")
	var checks []map[string]any
	if err := json.Unmarshal([]byte(s.gets("-o", "json", "checks", "list")), &checks); err != nil || len(checks) != 2 {
		t.Fatalf("got %v, %v", checks, err)
	}
	if c := checks[0]; c["name"] != "new openssl" || c["severity"] != "high" || c["version"] != 2.0 || len(c["labels"].([]any)) != 1 {
		t.Errorf("got %v", c)
	}
	s.env["ROLLCALL_TOKEN"] = "nonsense"
	if code, _, _ := s.types("checks", "apply", "-f", path); code != exitUnauthorised {
		t.Errorf("a wrong token: exit %d", code)
	}
}

func TestFoldersAndTags(t *testing.T) {
	t.Parallel()
	w, s := sit(t)
	folder := t.TempDir()
	file(t, folder, "a.yaml", ownChecks)
	file(t, folder, "b.yml", "name: tagged\nsource_name: test\ntags: [Blue, Green]\njmespath_expression: '`false`'\n")
	file(t, folder, "README", "no check")
	w.Ask("POST", "/api/inventory/tags/", map[string]any{"name": "Blue"}).Want(201)
	code, _, beside := s.types("checks", "apply", "-f", folder)
	if code != exitUsage || !strings.Contains(beside, `b.yml:1: check "tagged": there is no tag "Green"`) {
		t.Errorf("an unknown tag: exit %d, %s", code, beside)
	}
	if out := s.gets("-o", "json", "checks", "list"); strings.TrimSpace(out) != "[]" {
		t.Errorf("checks were made although a tag is missing: %s", out)
	}
	if out := s.gets("checks", "apply", "-f", folder, "--create-tags", "--dry-run"); strings.Count(out, "created") != 3 {
		t.Errorf("got %s", out)
	}
	if raw := w.Ask("GET", "/api/inventory/tags/", nil).Want(200).Body; strings.Contains(string(raw), "Green") {
		t.Errorf("a dry run made a tag: %s", raw)
	}
	s.gets("checks", "apply", "-f", folder, "--create-tags")
	if _, _, beside := s.types("checks", "apply", "-f", folder); !strings.Contains(beside, "3 unchanged") {
		t.Errorf("got %s", beside)
	}
}

func TestBadFilesOfChecksChangeNothing(t *testing.T) {
	t.Parallel()
	_, s := sit(t)
	folder := t.TempDir()
	for name, tt := range map[string]struct{ file, says string }{
		"expression": {ownChecks + "- {name: c, source_name: test, jmespath_expression: 'a['}\n", `f.yaml:8: check "c": jmespath_expression`},
		"key":        {ownChecks + "- {name: c, severty: low}\n", `f.yaml:8: check "c": unknown key "severty"`},
		"twice":      {ownChecks + "- {name: always, source_name: test, jmespath_expression: ok}\n", `f.yaml:8: check "always": the name stands at`},
		"empty":      {"# nothing\n", "there is no check"},
	} {
		path := file(t, folder, "f.yaml", tt.file)
		for _, verb := range []string{"apply", "dry-run"} {
			if code, _, beside := s.types("checks", verb, "-f", path); code != exitUsage || !strings.Contains(beside, tt.says) {
				t.Errorf("%s, %s: exit %d, %s", verb, name, code, beside)
			}
		}
	}
	if code, _, _ := s.types("checks", "apply", "-f", filepath.Join(folder, "none.yaml")); code != exitUsage {
		t.Errorf("a file that is not there: exit %d", code)
	}
	if code, _, _ := s.types("checks", "apply"); code != exitUsage {
		t.Errorf("no file: exit %d", code)
	}
	if out := s.gets("-o", "json", "checks", "list"); strings.TrimSpace(out) != "[]" {
		t.Errorf("got %s", out)
	}
}

func TestChecksAreTriedOnTheFleet(t *testing.T) {
	t.Parallel()
	w, s := sit(t)
	path := file(t, t.TempDir(), "own.yaml", ownChecks)
	out := s.gets("checks", "dry-run", "-f", path)
	for _, want := range []string{"NEWLY FAILING", "new openssl", "S-0", "FAILED", "always"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	if strings.Contains(out, "S-1") {
		t.Errorf("a machine that is well is shown: %s", out)
	}
	var rows []map[string]any
	raw := s.gets("-o", "json", "checks", "dry-run", "-f", path, "--name", "new openssl")
	if err := json.Unmarshal([]byte(raw), &rows); err != nil || len(rows) != 1 || rows[0]["counts"].(map[string]any)["OK"] != 2.0 || rows[0]["newly_failing"] != nil {
		t.Errorf("got %s, %v", raw, err)
	}
	if code, _, beside := s.types("checks", "dry-run", "-f", path, "--name", "other"); code != exitUsage || !strings.Contains(beside, "no check") {
		t.Errorf("exit %d, %s", code, beside)
	}
	s.gets("checks", "apply", "-f", path)
	if raw := s.gets("-o", "json", "checks", "dry-run", "-f", path, "--name", "new openssl"); !strings.Contains(raw, `"newly_failing":`) || strings.Contains(raw, `"newly_failing":null`) {
		t.Errorf("not compared with the check of that name: %s", raw)
	}
	s.env["ROLLCALL_TOKEN"] = w.Tokens[auth.Viewer]
	s.gets("checks", "dry-run", "-f", path)
	if code, _, _ := s.types("checks", "apply", "-f", path); code != exitOK { // nothing is to be changed
		t.Errorf("unchanged checks as a viewer: exit %d", code)
	}
}
