// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// terminal is somebody who types commands.
type terminal struct {
	t   *testing.T
	env map[string]string
}

// sit returns somebody at an aggregator with three machines.
func sit(t *testing.T) (*apitest.World, *terminal) {
	t.Helper()
	w := apitest.New(t, apitest.Options{Tasks: true})
	address := w.Listen()
	for i, version := range []string{"3.0.10", "3.0.11", "3.0.13"} {
		w.Ask("POST", "/api/v1/snapshots", map[string]any{
			"source": map[string]any{"module": "test", "name": "test"}, "serial_number": fmt.Sprintf("S-%d", i),
			"os_version":   map[string]any{"name": "Debian", "major": 12},
			"system_info":  map[string]any{"computer_name": fmt.Sprintf("=web-%d\x1b[31m", i)},
			"deb_packages": []any{map[string]any{"name": "openssl", "version": version}},
		}).Want(201)
	}
	return w, &terminal{t: t, env: map[string]string{
		"ROLLCALL_URL": address, "ROLLCALL_TOKEN": w.Tokens[auth.Admin], "ROLLCALL_CONFIG": filepath.Join(t.TempDir(), "c", "config.yaml"),
	}}
}

// types runs a command line and returns exit code, output and what is said beside it.
func (s *terminal) types(line ...string) (code int, out, beside string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(s.t.Context(), line, func(name string) string { return s.env[name] }, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// gets is types for a line that has to work.
func (s *terminal) gets(line ...string) string {
	s.t.Helper()
	code, out, beside := s.types(line...)
	if code != exitOK {
		s.t.Fatalf("%s: exit %d: %s", strings.Join(line, " "), code, beside)
	}
	return out
}

func TestMachinesAreListedAndFiltered(t *testing.T) {
	t.Parallel()
	_, s := sit(t)
	out := s.gets("machines", "list")
	if got := strings.Count(out, "\n"); got != 4 || strings.Contains(out, "\x1b") || !strings.Contains(out, "Debian 12") {
		t.Errorf("got %q", out)
	}
	rows, err := csv.NewReader(strings.NewReader(s.gets("machines", "list", "-o", "csv", "--limit", "2"))).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][0] != "serial_number" || !strings.HasPrefix(rows[1][1], "'=web-0") {
		t.Errorf("got %q, %v", rows, err)
	}
	var machines []map[string]any
	raw := s.gets("-o", "json", "machines", "list", "software.name:openssl AND software.version<3.0.11")
	if err := json.Unmarshal([]byte(raw), &machines); err != nil || len(machines) != 1 || machines[0]["serial_number"] != "S-0" {
		t.Errorf("got %s, %v", raw, err)
	}
	if got := s.gets("-o", "json", "machines", "list", "serial_number:nobody"); strings.TrimSpace(got) != "[]" {
		t.Errorf("got %q", got)
	}
	if code, _, beside := s.types("machines", "list", "platform:"); code != exitUsage || beside == "" {
		t.Errorf("a bad filter: exit %d, %q", code, beside)
	}
}

func TestMachinesAreTaggedComparedArchivedAndPruned(t *testing.T) {
	t.Parallel()
	_, s := sit(t)
	s.gets("machines", "tag", "S-0", "S-1", "--add", "Blue", "--set", "Site=Hamburg")
	if out := s.gets("-o", "json", "machines", "get", "S-0"); !strings.Contains(out, "Hamburg") || !strings.Contains(out, "Blue") {
		t.Errorf("got %s", out)
	}
	if out := s.gets("-o", "json", "machines", "list", "tag:Blue"); strings.Count(out, "serial_number") != 2 {
		t.Errorf("got %s", out)
	}
	s.gets("machines", "tag", "S-0", "--remove", "Blue", "--set", "Site=")
	if out := s.gets("-o", "json", "machines", "get", "S-0"); strings.Contains(out, "Hamburg") || strings.Contains(out, "Blue") {
		t.Errorf("got %s", out)
	}
	if out := s.gets("-o", "json", "machines", "diff", "S-0", "S-2"); !strings.Contains(out, "3.0.10") || !strings.Contains(out, "3.0.13") {
		t.Errorf("got %s", out)
	}
	if out := s.gets("machines", "diff", "S-0", "S-2", "--source", "test"); !strings.Contains(out, "3.0.13") {
		t.Errorf("by a source: got %s", out)
	}
	s.gets("machines", "archive", "S-2")
	if code, _, beside := s.types("machines", "prune", "S-0"); code == exitOK || !strings.Contains(beside, "--yes") {
		t.Errorf("pruned without an answer: exit %d, %q", code, beside)
	}
	s.gets("machines", "prune", "S-0", "--yes")
	if out := s.gets("machines", "list"); strings.Contains(out, "S-0") || strings.Contains(out, "S-2") || !strings.Contains(out, "S-1") {
		t.Errorf("got %s", out)
	}
}

func TestAnExportIsWaitedFor(t *testing.T) {
	t.Parallel()
	_, s := sit(t)
	if out := s.gets("exports", "list"); !strings.Contains(out, "deb_packages") {
		t.Errorf("got %s", out)
	}
	folder := t.TempDir()
	path := strings.TrimSpace(s.gets("exports", "run", "machine_deb_packages", "--format", "csv", "--wait", "-f", folder))
	raw, err := os.ReadFile(path)
	if err != nil || filepath.Dir(path) != folder || strings.Count(string(raw), "openssl") != 3 {
		t.Errorf("got %s: %q, %v", path, raw, err)
	}
	id := strings.TrimSpace(s.gets("exports", "run", "machine_deb_packages", "--format", "csv"))
	if out := s.gets("tasks", "wait", id, "-f", "-"); out != string(raw) {
		t.Errorf("got %q", out)
	}
	if out := s.gets("tasks", "list"); !strings.Contains(out, id) || !strings.Contains(out, "SUCCESS") {
		t.Errorf("got %s", out)
	}
}

func TestTokensAndEnrollments(t *testing.T) {
	t.Parallel()
	w, s := sit(t)
	token := strings.TrimSpace(s.gets("tokens", "create", "mine", "--expires", "30d"))
	if auth.CheckToken(token) != nil || !strings.HasPrefix(token, "zt") {
		t.Errorf("got %q", token)
	}
	if out := s.gets("tokens", "list"); !strings.Contains(out, "mine") || strings.Contains(out, token) {
		t.Errorf("got %s", out)
	}
	if secret := strings.TrimSpace(s.gets("enrollments", "create", "servers", "--quota", "2", "--serial-number", "S-9")); len(secret) < 32 {
		t.Errorf("got %q", secret)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(s.gets("-o", "json", "enrollments", "list")), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("got %v, %v", rows, err)
	}
	s.gets("enrollments", "revoke", fmt.Sprint(rows[0]["id"]))
	unit := w.Ask("POST", "/api/inventory/meta_business_units/", map[string]any{"name": "Berlin office"}).Want(201).Object()
	tag := w.Ask("POST", "/api/inventory/tags/", map[string]any{"name": "Blue"}).Want(201).Object()
	s.gets("enrollments", "create", "laptops", "--business-unit", fmt.Sprint(unit["id"]), "--tag", fmt.Sprint(tag["id"]))
	if out := s.gets("enrollments", "list"); !strings.Contains(out, "Berlin office") || !strings.Contains(out, " Blue ") {
		t.Errorf("got %s", out)
	}
	s.env["ROLLCALL_TOKEN"] = "nonsense"
	if code, _, beside := s.types("tokens", "list"); code != exitUnauthorised || !strings.Contains(beside, "Invalid") {
		t.Errorf("a wrong token: exit %d, %q", code, beside)
	}
}

func TestContextsKeepTheirTokens(t *testing.T) {
	t.Parallel()
	w, s := sit(t)
	address := s.env["ROLLCALL_URL"]
	delete(s.env, "ROLLCALL_URL")
	delete(s.env, "ROLLCALL_TOKEN")
	if code, _, beside := s.types("machines", "list"); code != exitUsage || !strings.Contains(beside, "contexts add") {
		t.Errorf("without an aggregator: exit %d, %q", code, beside)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(w.Tokens[auth.Viewer]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.gets("contexts", "add", "home", "--url", address, "--token-file", file)
	s.gets("machines", "list")
	info, err := os.Stat(s.env["ROLLCALL_CONFIG"])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the token: %v, %v", info, err)
	}
	if out := s.gets("contexts", "list"); !strings.Contains(out, "home") || strings.Contains(out, "ztl") {
		t.Errorf("got %s", out)
	}
	if code, _, _ := s.types("--context", "home", "--url", "http://127.0.0.1:1", "machines", "list"); code != exitUsage {
		t.Errorf("the token of a context goes elsewhere: exit %d", code)
	}
	if code, _, _ := s.types("--url", "http://127.0.0.1:1", "machines", "list"); code != exitUnreachable {
		t.Errorf("nobody there: exit %d", code)
	}
	s.gets("contexts", "remove", "home")
	if code, _, _ := s.types("machines", "list"); code != exitUsage {
		t.Errorf("a context that is gone is used: exit %d", code)
	}
}
