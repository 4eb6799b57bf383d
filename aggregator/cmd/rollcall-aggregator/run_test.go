// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

func noEnv(string) string { return "" }

// command runs a command line and returns what it printed on standard output.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), args, noEnv, &out, &errs); got != want {
		t.Fatalf("%v: exit %d, want %d: %s", args, got, want, errs.String())
	}
	return out.String()
}

func TestTokenIsAloneOnStandardOutput(t *testing.T) {
	t.Parallel()
	database := []string{"--database-url", storetest.DSN(t)}
	with := func(args ...string) []string { return append(args, database...) }
	token := strings.TrimSuffix(command(t, 0, with("token", "create", "--name", "ci", "--role", "operator", "--expires", "30d")...), "\n")
	if err := auth.CheckToken(token); err != nil || !strings.HasPrefix(token, "ztls_") {
		t.Errorf("got %q, %v", token, err)
	}
	command(t, 0, with("user", "create", "jane", "--role", "viewer", "--no-password")...)
	if got := command(t, 0, with("token", "create", "--name", "jane", "--user", "Jane")...); !strings.HasPrefix(got, "ztlu_") {
		t.Errorf("got %q", got)
	}
	command(t, 1, with("token", "create", "--name", "ci")...)
	command(t, 2, with("token", "create", "--name", "x", "--role", "king")...)
	command(t, 0, with("token", "revoke", "jane")...)
	command(t, 1, with("token", "revoke", "nobody")...)
	list := command(t, 0, with("token", "list")...)
	if !regexp.MustCompile(`(?m)^ci +operator +valid .*\njane +viewer +revoked `).MatchString(list) || strings.Contains(list, token) {
		t.Errorf("got %s", list)
	}
	first, _, _ := strings.Cut(command(t, 0, with("token", "list", "--json")...), "\n")
	var row map[string]any
	if err := json.Unmarshal([]byte(first), &row); err != nil || row["name"] != "ci" || row["expires_at"] == nil {
		t.Errorf("got %s, %v", first, err)
	}
}

func TestEnrollmentSecretIsAloneOnStandardOutput(t *testing.T) {
	t.Parallel()
	database := []string{"--database-url", storetest.DSN(t)}
	with := func(args ...string) []string { return append(args, database...) }
	secret := command(t, 0, with("enrollment", "create", "--name", "servers", "--business-unit", "Berlin", "--tag", "a", "--tag", "b", "--quota", "5")...)
	if !regexp.MustCompile(`^[0-9A-Za-z]{64}\n$`).MatchString(secret) {
		t.Errorf("got %q", secret)
	}
	if got := command(t, 0, with("enrollment", "list")...); !regexp.MustCompile(`(?m)^servers +valid +Berlin +a, b +0 of 5 `).MatchString(got) {
		t.Errorf("got %s", got)
	}
	command(t, 0, with("enrollment", "revoke", "servers")...)
	if got := command(t, 0, with("enrollment", "list", "--json")...); !strings.Contains(got, `"state":"revoked"`) {
		t.Errorf("got %s", got)
	}
}

func TestSmallVerbs(t *testing.T) {
	t.Parallel()
	if got := command(t, 0, "version"); got != "dev\n" {
		t.Errorf("got %q", got)
	}
	if got := command(t, 0, "--help"); !strings.Contains(got, "enrollment") {
		t.Errorf("got %s", got)
	}
	command(t, config.ExitUsage, "serve")
	command(t, config.ExitUsage, "no-such-verb")
	command(t, config.ExitUsage, "serve", "--embedded-postgres", "x", "--listen", "0.0.0.0:0")
	command(t, config.ExitUnreachable, "healthcheck", "--url", "http://127.0.0.1:1")
}

func TestDatabaseVerbs(t *testing.T) {
	t.Parallel()
	empty := storetest.Empty(t)
	command(t, config.ExitFailure, "fsck", "--database-url", empty)
	command(t, 0, "migrate", "--database-url", empty)
	if got := command(t, 0, "fsck", "--database-url", empty); !strings.Contains(got, "0 problems") {
		t.Errorf("got %s", got)
	}
	spoil(t, empty)
	if got := command(t, config.ExitCheckFailed, "fsck", "--database-url", empty); !strings.Contains(got, "1 problems") {
		t.Errorf("got %s", got)
	}
}

// spoil puts a fact into the dictionary that has another digest than its body.
func spoil(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	const sql = `INSERT INTO asset (digest, kind, body) VALUES (decode(repeat('00', 32), 'hex'), 'deb_packages', '{"name":"x"}')`
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// TestServe runs the whole program: with an embedded PostgreSQL, and commands beside it.
func TestServe(t *testing.T) {
	t.Parallel()
	database := []string{"--embedded-postgres", filepath.Join(storetest.Dir(t), "pg")}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said, announce := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"}, database...)
		code := run(ctx, args, noEnv, announce, &errs)
		_ = announce.Close()
		ended <- code
	}()
	line := make([]byte, 1000)
	n, err := said.Read(line)
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(string(line[:n]))
	if err != nil || url == "" {
		t.Fatalf("got %q, %v: exit %d, %s", line[:n], err, <-ended, errs.String())
	}
	if got := command(t, 0, "healthcheck", "--url", url); got != "ready\n" {
		t.Errorf("got %q", got)
	}
	token := strings.TrimSpace(command(t, 0, append([]string{"token", "create", "--name", "t"}, database...)...))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/machines", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"machines":[]`) {
		t.Errorf("got %d %s, %v", resp.StatusCode, body, err)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}
