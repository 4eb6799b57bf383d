// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nextMigration is what a later version may do to a schema that is in use: it adds, to tables that every push writes.
const nextMigration = `-- +goose Up
ALTER TABLE machine ADD COLUMN later text;
ALTER TABLE head ADD COLUMN later text, ADD COLUMN counted bigint NOT NULL DEFAULT 0;
ALTER TABLE head_section ADD COLUMN later text;
ALTER TABLE change ADD COLUMN later text;
ALTER TABLE asset ADD COLUMN later text;
ALTER TABLE journal ADD COLUMN later text;
CREATE TABLE later (head bigint PRIMARY KEY REFERENCES head ON DELETE CASCADE, what text NOT NULL);
`

// buildNext builds the aggregator of a version to come, which is this one with one more migration.
func buildNext(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	migrations, err := filepath.Abs(filepath.Join("..", "..", "..", "migrations"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "next.sql")
	overlay, err := json.Marshal(map[string]any{
		"Replace": map[string]string{filepath.Join(migrations, "9999_add_later.sql"): file},
	})
	if err == nil {
		err = os.WriteFile(file, []byte(nextMigration), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(dir, "rollcall-aggregator")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", next, "./cmd/rollcall-aggregator")
	cmd.Dir = filepath.Join("..", "..", "..", "aggregator")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v\n%s", err, out)
	}
	return next
}

// TestUpgradeWithoutAPause migrates the database under a serving aggregator, starts the next version beside it, and stops
// the old one. Machines go on reporting all the time, through whichever serves.
func TestUpgradeWithoutAPause(t *testing.T) {
	t.Parallel()
	next := buildNext(t)
	m := newTeam(t)
	old := m.site
	m.goOn("with the old version")

	out, err := exec.Command(next, "migrate", "--database-url", old.database).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "has version 9999, the newest") {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	m.goOn("with the old version on the new schema")
	if !old.ready() {
		t.Error("the old version is not ready on the new schema")
	}

	m.site = m.join(&site{t: t, database: old.database, program: next})
	m.goOn("with both versions")

	old.stop(syscall.SIGTERM)
	if err := old.start(); err != nil { // as after a crash in the middle of the upgrade
		t.Fatal(err)
	}
	if !strings.Contains(old.out.String(), "newer than this program") {
		t.Error("the old version does not say that the schema is newer")
	}
	m.goOn("with the old version started again")

	old.stop(syscall.SIGTERM)
	m.goOn("with the new version")
	m.peace()
	m.verify()
}
