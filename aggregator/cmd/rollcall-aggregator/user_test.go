// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

func TestUsersAndRolesAtTheCommandLine(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t)
	with := func(args ...string) []string { return append(args, "--database-url", dsn) }
	file := func(text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	command(t, 0, with("role", "create", "helpers", "--permission", "inventory.view_tag", "--permission", "inventory.add_tag")...)
	command(t, 2, with("role", "create", "odd", "--permission", "inventory.fly")...)
	command(t, 1, with("role", "create", "odd", "--permission", "inventory.view_tag", "--tag", "none")...)
	command(t, 0, with("user", "create", "jane", "--role", "helpers", "--password-file", file("correct horse battery\n"))...)
	command(t, 2, with("user", "create", "bob", "--password-file", file("short\n"))...)
	command(t, 1, with("role", "delete", "helpers")...)
	token := strings.TrimSpace(command(t, 0, with("token", "create", "--name", "laptop", "--user", "jane")...))
	command(t, 2, with("token", "create", "--name", "x", "--user", "jane", "--role", "admin")...)
	command(t, 1, with("token", "create", "--name", "x", "--service-account", "jane")...)
	command(t, 0, with("token", "create", "--name", "helper", "--role", "helpers")...)
	command(t, 0, with("token", "create", "--name", "laptop", "--service-account", "helper")...)
	command(t, 1, with("token", "revoke", "laptop")...) // two have one of that name

	pool, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	c, err := s.CredentialsOf(t.Context(), "jane")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := auth.NewPasswords().Verify(t.Context(), c.PasswordHash, "correct horse battery"); err != nil || !ok {
		t.Errorf("the password is not the file's first line: %v", err)
	}
	command(t, 0, with("user", "passwd", "jane", "--password-file", file("another, longer one"))...)
	command(t, 0, with("user", "disable", "jane")...)
	h, err := s.TokenByDigest(t.Context(), auth.DigestOf(token))
	if err != nil || !h.Disabled || h.Principal.Kind != auth.User || !h.Principal.Can("inventory.add_tag") {
		t.Errorf("got %+v, %v", h, err)
	}
	list := command(t, 0, with("user", "list")...)
	if !regexp.MustCompile(`(?m)^jane +user +helpers +disabled .*\nhelper +service_account +helpers +valid `).MatchString(list) {
		t.Errorf("got %s", list)
	}
	command(t, 0, with("user", "enable", "JANE")...)
	command(t, 0, with("user", "roles", "jane", "--role", "viewer")...)
	if got := command(t, 0, with("user", "list", "--json")...); !strings.Contains(got, `"roles":["viewer"],"state":"valid"`) {
		t.Errorf("got %s", got)
	}
	command(t, 0, with("user", "delete", "helper")...)
	command(t, 0, with("user", "delete", "jane")...)
	command(t, 1, with("user", "delete", "jane")...)
	command(t, 0, with("role", "delete", "helpers")...)
	if got := command(t, 0, with("role", "list")...); strings.Contains(got, "helpers") || !strings.Contains(got, "operator") {
		t.Errorf("got %s", got)
	}
	log, err := s.ListAudit(t.Context(), store.AuditFilter{Object: "user", Action: "password_changed"}, 0, 10)
	if err != nil || len(log) != 1 || log[0].ActorKind != string(auth.CommandLine) || log[0].ActorName == "" {
		t.Errorf("got %+v, %v", log, err)
	}
}
