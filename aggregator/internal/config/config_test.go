// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
)

type env map[string]string

func (e env) get(name string) string { return e[name] }

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aggregator.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parse(t *testing.T, line string, e env) (*config.CLI, error) {
	t.Helper()
	return config.Parse(strings.Fields(line), e.get, io.Discard)
}

func TestFlagWinsOverEnvironmentOverFileOverDefault(t *testing.T) {
	t.Parallel()
	const listen = "ROLLCALL_AGGREGATOR_LISTEN"
	tests := []struct {
		name, line, file string
		env              env
		want             string
	}{
		{"default", "serve", "", nil, "127.0.0.1:8480"},
		{"file", "serve", "listen: 127.0.0.1:1", nil, "127.0.0.1:1"},
		{"environment", "serve", "listen: 127.0.0.1:1", env{listen: "127.0.0.1:2"}, "127.0.0.1:2"},
		{"flag", "serve --listen 127.0.0.1:3", "listen: 127.0.0.1:1", env{listen: "127.0.0.1:2"}, "127.0.0.1:3"},
		{"empty variable is none", "serve", "listen: 127.0.0.1:1", env{listen: ""}, "127.0.0.1:1"},
		{"null is no value", "serve", "listen:", nil, "127.0.0.1:8480"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := env{"ROLLCALL_AGGREGATOR_EMBEDDED_POSTGRES": "var/pg", "ROLLCALL_AGGREGATOR_CONFIG": file(t, tt.file)}
			for k, v := range tt.env {
				e[k] = v
			}
			cli, err := parse(t, tt.line, e)
			if err != nil {
				t.Fatal(err)
			}
			if cli.Serve.Listen != tt.want {
				t.Errorf("got %s, want %s", cli.Serve.Listen, tt.want)
			}
			if cli.Serve.EmbeddedPostgres != "var/pg" {
				t.Errorf("embedded postgres: got %q", cli.Serve.EmbeddedPostgres)
			}
		})
	}
}

func TestEveryValueHasItsType(t *testing.T) {
	t.Parallel()
	path := file(t, `# all of them
embedded_postgres: /var/lib/rollcall/pg
tls_cert: c.pem
tls_key: k.pem
listen: "[::]:8480"
grpc_advertise: rollcall.example:8481
checkin_interval: 90s
log_level: debug
enrollment:
  create:
    name: servers
    tag: [web, db]
    expires: 30d
    quota: 5
`)
	cli, err := parse(t, "serve --config "+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(cli.Verb, cli.Serve.Listen, cli.Serve.TLS(), cli.Serve.CheckinInterval, cli.LogLevel)
	if want := fmt.Sprint("serve", "[::]:8480", true, 90*time.Second, "debug"); got != want {
		t.Errorf("serve: got %s, want %s", got, want)
	}

	cli, err = parse(t, "enrollment create --config "+path, env{"ROLLCALL_AGGREGATOR_ENROLLMENT_CREATE_QUOTA": "6"})
	if err != nil {
		t.Fatal(err)
	}
	e := cli.Enrollment.Create
	got = fmt.Sprint(cli.Verb, e.EmbeddedPostgres, e.Name, e.Tag, e.Expires, e.Quota)
	if want := fmt.Sprint("enrollment create", "/var/lib/rollcall/pg", "servers", []string{"web", "db"}, 720*time.Hour, 6); got != want {
		t.Errorf("enrollment create: got %s, want %s", got, want)
	}
}

func TestMistakesAreUsageErrorsThatSayWhere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line, file string
		env              env
		want             []string
	}{
		{"nothing", "", "", nil, []string{`"serve"`}},
		{"unknown verb", "sevre", "", nil, []string{"sevre"}},
		{"unknown flag", "migrate --database-ulr x", "", nil, []string{"did you mean", "--database-url"}},
		{"unknown key", "migrate", "\n\nlog_lvl: info", nil, []string{"aggregator.yaml:3: log_lvl: unknown key, did you mean log_level?"}},
		{"key with a dash", "migrate", "tls-cert: x", nil, []string{"did you mean tls_cert?"}},
		{"unknown nested key", "migrate", "token:\n  create:\n    rol: x", nil, []string{":3: token.create.rol", "token.create.role"}},
		{"key far from all", "migrate", "zzzzzzzzzzzz: x", nil, []string{":1: zzzzzzzzzzzz: unknown key"}},
		{"key twice", "migrate", "listen: a\nlisten: b", nil, []string{":2: listen: the key is there twice"}},
		{"list for one value", "migrate", "database_url: [a, b]", nil, []string{":1: database_url: one value is wanted"}},
		{"mapping for one value", "migrate", "database_url: {a: b}", nil, []string{":1: database_url", "not a mapping"}},
		{"no mapping", "migrate", "- a", nil, []string{":1: a mapping"}},
		{"no YAML", "migrate", "a: [", nil, []string{"aggregator.yaml"}},
		{"the file names a file", "migrate", "config: x", nil, []string{"config: unknown key"}},
		{"bad number in the file", "enrollment create --name a --embedded-postgres x", "enrollment: {create: {quota: many}}", nil, []string{"aggregator.yaml:1: ", "quota", `"many"`}},
		{"bad number in the environment", "enrollment create --name a --embedded-postgres x", "", env{"ROLLCALL_AGGREGATOR_ENROLLMENT_CREATE_QUOTA": "x"}, []string{"environment variable ROLLCALL_AGGREGATOR_ENROLLMENT_CREATE_QUOTA"}},
		{"bad duration", "serve --checkin-interval 5", "", nil, []string{"--checkin-interval", "5m"}},
		{"bad log level", "migrate --log-level loud --embedded-postgres x", "", nil, []string{"--log-level", "debug"}},
		{"no name", "token create --embedded-postgres x", "", nil, []string{"--name"}},
		{"blank name", "token create --embedded-postgres x --name=", "", nil, []string{"--name"}},
		{"no database", "fsck", "", nil, []string{"--embedded-postgres", "--database-url"}},
		{"two databases", "serve --embedded-postgres a --database-url b", "", nil, []string{"exclude each other"}},
		{"negative quota", "enrollment create --name a --quota -1 --embedded-postgres x", "", nil, []string{"--quota"}},
		{"end in the past", "enrollment create --name a --expires -1h --embedded-postgres x", "", nil, []string{"--expires"}},
		{"health of nothing", "healthcheck --url rollcall", "", nil, []string{"--url"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := env{"ROLLCALL_AGGREGATOR_CONFIG": file(t, tt.file)}
			for k, v := range tt.env {
				e[k] = v
			}
			_, err := parse(t, tt.line, e)
			if err == nil {
				t.Fatal("got no error")
			}
			if code := config.ExitCode(err); code != config.ExitUsage {
				t.Errorf("exit code: got %d, want %d", code, config.ExitUsage)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestHelpNamesEveryFlagAndItsVariable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	_, err := config.Parse([]string{"serve", "--help"}, env{}.get, &out)
	if !errors.Is(err, config.ErrHelp) || config.ExitCode(err) != config.ExitOK {
		t.Errorf("got %v, want ErrHelp", err)
	}
	for _, part := range []string{"--grpc-listen", "ROLLCALL_AGGREGATOR_GRPC_LISTEN", "127.0.0.1:8481", "--insecure-plain-http"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("help lacks %s", part)
		}
	}
}

func TestExitCodeOfAnError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, config.ExitOK},
		{"plain", errors.New("x"), config.ExitFailure},
		{"coded and wrapped", fmt.Errorf("y: %w", config.WithExit(config.ExitUnreachable, errors.New("x"))), config.ExitUnreachable},
		{"coded nil", config.WithExit(config.ExitUsage, nil), config.ExitOK},
	}
	for _, tt := range tests {
		if got := config.ExitCode(tt.err); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestExampleFileLoads(t *testing.T) {
	t.Parallel()
	if _, err := parse(t, "serve --config ../../../packaging/config/aggregator.yaml.example", nil); err != nil {
		t.Fatal(err)
	}
}
