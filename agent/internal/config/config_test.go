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

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
)

type env map[string]string

func (e env) get(name string) string { return e[name] }

// file writes a file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.yaml")
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
	const variable = "ROLLCALL_AGENT_STATE_DIR"
	tests := []struct {
		name, line, file string
		env              env
		want             string
	}{
		{"default", "status", "", nil, "/var/lib/rollcall-agent"},
		{"file", "status", "state_dir: /file", nil, "/file"},
		{"environment", "status", "state_dir: /file", env{variable: "/env"}, "/env"},
		{"flag", "status --state-dir /flag", "state_dir: /file", env{variable: "/env"}, "/flag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := env{"ROLLCALL_AGENT_CONFIG": file(t, tt.file)}
			for k, v := range tt.env {
				e[k] = v
			}
			cli, err := parse(t, tt.line, e)
			if err != nil {
				t.Fatal(err)
			}
			if cli.Status.StateDir != tt.want {
				t.Errorf("got %s, want %s", cli.Status.StateDir, tt.want)
			}
		})
	}
}

func TestEveryValueHasItsType(t *testing.T) {
	t.Parallel()
	path := file(t, `
server: https://rollcall.example:8480
ca_file: ca.pem
transport: connect
interval: 90s
disabled_collectors: [users, local_groups]
insecure_plain_http: true
collect:
  format: ndjson
`)
	cli, err := parse(t, "run --once --config "+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := cli.Run
	got := fmt.Sprint(cli.Verb, r.Server, r.CAFile, r.Transport, r.Interval, r.DisabledCollectors, r.InsecurePlainHTTP, r.Once)
	want := fmt.Sprint("run", "https://rollcall.example:8480", "ca.pem", "connect", 90*time.Second, []string{"users", "local_groups"}, true, true)
	if got != want {
		t.Errorf("run: got %s, want %s", got, want)
	}

	cli, err = parse(t, "collect --show-what-is-sent --config "+path, env{"ROLLCALL_AGENT_DISABLED_COLLECTORS": "disks,bios"})
	if err != nil {
		t.Fatal(err)
	}
	got = fmt.Sprint(cli.Verb, cli.Collect.Format, cli.Collect.ShowWhatIsSent, cli.Collect.DisabledCollectors)
	if want := fmt.Sprint("collect", "ndjson", true, []string{"disks", "bios"}); got != want {
		t.Errorf("collect: got %s, want %s", got, want)
	}
}

func TestMistakesAreUsageErrorsThatSayWhere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line, file string
		want             string
	}{
		{"nothing", "", "", `"collect"`},
		{"unknown verb", "colect", "", "colect"},
		{"unknown key", "status", "\nsever: x", "agent.yaml:2: sever: unknown key, did you mean server?"},
		{"bad transport", "run --transport http", "", "--transport"},
		{"bad format", "collect --format xml", "", "ndjson"},
		{"no server", "enroll --secret s", "", "--server"},
		{"no secret", "enroll --server https://h", "", "--secret-file"},
		{"two secrets", "enroll --server https://h --secret s --secret-file f", "", "exclude each other"},
		{"interval too short", "run --interval 5ms", "", "--interval"},
		{"negative interval", "run --interval -5m", "", "--interval"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, tt.line, env{"ROLLCALL_AGENT_CONFIG": file(t, tt.file)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if code := config.ExitCode(err); code != config.ExitUsage {
				t.Errorf("exit code: got %d, want %d", code, config.ExitUsage)
			}
		})
	}
}

func TestSecretComesFromItsFileOrVariable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		line string
		env  env
		want string
		err  string
	}{
		{"variable", "", env{"ROLLCALL_AGENT_SECRET": "abc"}, "abc", ""},
		{"file", "--secret-file " + file(t, " abc\n"), nil, "abc", ""},
		{"empty file", "--secret-file " + file(t, "\n"), nil, "", "is empty"},
		{"no file", "--secret-file /nonexistent", nil, "", "--secret-file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cli, err := parse(t, "enroll --server https://h "+tt.line, tt.env)
			if err != nil {
				t.Fatal(err)
			}
			got, err := cli.Enroll.ReadSecret()
			if got != tt.want || (err == nil) != (tt.err == "") {
				t.Fatalf("got %q, %v, want %q, %q", got, err, tt.want, tt.err)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.err) || config.ExitCode(err) != config.ExitUsage) {
				t.Errorf("got %v, want %q and exit code 2", err, tt.err)
			}
		})
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	_, err := config.Parse([]string{"enroll", "--help"}, env{}.get, &out)
	if !errors.Is(err, config.ErrHelp) || config.ExitCode(err) != config.ExitOK {
		t.Errorf("got %v, want ErrHelp", err)
	}
	if !strings.Contains(out.String(), "$ROLLCALL_AGENT_SECRET_FILE") {
		t.Error("help lacks the environment variable of --secret-file")
	}
}

func TestExampleFileLoads(t *testing.T) {
	t.Parallel()
	if _, err := parse(t, "run --config ../../../packaging/config/agent.yaml.example", nil); err != nil {
		t.Fatal(err)
	}
}
