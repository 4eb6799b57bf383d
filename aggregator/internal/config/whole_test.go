// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
)

// documented is the example of the outside contract's documentation, trailing commas and all.
const documented = `{
"metrics": true,
"metrics_options": {
  "android_apps": {"sources": ["Workspace ONE"], "names": ["Google Pay"],},
  "deb_packages": {"sources": ["osquery"], "names": ["firefox", "falcon-sensor"]},
  "ios_apps": {"sources": ["Workspace ONE"], "names": ["1Password"],},
  "osx_apps": {"sources": ["Munki", "osquery"], "bundle_ids": ["org.mozilla.firefox", "us.zoom.xos"]},
  "programs": {"sources": ["osquery"], "names": ["Firefox", "Zoom"]},
  "os_versions": {"sources": ["Munki", "osquery"]}
}
}
`

// parseFile parses the verb serve with a configuration file.
func parseFile(t *testing.T, text string, args ...string) (*config.Serve, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--config", path, "serve", "--database-url", "postgres://x"}, args...)
	cli, err := config.Parse(args, func(string) string { return "" }, io.Discard)
	if err != nil {
		return nil, err
	}
	return &cli.Serve, nil
}

func TestTheDocumentedExampleIsAcceptedAsPasted(t *testing.T) {
	t.Parallel()
	got, err := parseFile(t, documented)
	if err != nil {
		t.Fatal(err)
	}
	want := config.MetricsOptions{
		AndroidApps: &config.MetricFamily{Sources: []string{"Workspace ONE"}, Names: []string{"Google Pay"}},
		DebPackages: &config.MetricFamily{Sources: []string{"osquery"}, Names: []string{"firefox", "falcon-sensor"}},
		IOSApps:     &config.MetricFamily{Sources: []string{"Workspace ONE"}, Names: []string{"1Password"}},
		OSXApps:     &config.MetricFamily{Sources: []string{"Munki", "osquery"}, BundleIDs: []string{"org.mozilla.firefox", "us.zoom.xos"}},
		Programs:    &config.MetricFamily{Sources: []string{"osquery"}, Names: []string{"Firefox", "Zoom"}},
		OSVersions:  &config.MetricFamily{Sources: []string{"Munki", "osquery"}},
	}
	if !got.Metrics || !reflect.DeepEqual(got.MetricsOptions, want) {
		t.Errorf("got %v %+v, want true %+v", got.Metrics, got.MetricsOptions, want)
	}
	if got.MetricsNames != "rollcall" {
		t.Errorf("metrics_names: got %q, want rollcall by default", got.MetricsNames)
	}
}

func TestSinksAreReadFromTheFile(t *testing.T) {
	t.Parallel()
	got, err := parseFile(t, `
event_serialization:
  include_groups: false
sinks:
  - name: audit
    kind: file
    path: "-"
    filter: {types: [zentral_audit]}
  - {name: siem, kind: webhook, url: "https://siem.example/hook", secret_file: /etc/rollcall/siem, timeout: 5s, last_retry: 1d, max_attempts: 3,
     filter: {machine_tags: [3], expression: "status == 'FAILED'"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Sinks{
		{Name: "audit", Kind: "file", Path: "-", Filter: event.Filter{Types: []string{"zentral_audit"}}},
		{
			Name: "siem", Kind: "webhook", URL: "https://siem.example/hook", SecretFile: "/etc/rollcall/siem",
			Timeout: 5 * time.Second, LastRetry: 24 * time.Hour, MaxAttempts: 3,
			Filter: event.Filter{MachineTags: []int64{3}, Expression: "status == 'FAILED'"},
		},
	}
	if !reflect.DeepEqual(got.Sinks, want) {
		t.Errorf("got %+v, want %+v", got.Sinks, want)
	}
	if got.EventSerialization.Groups() || !got.EventSerialization.PrincipalUser() {
		t.Errorf("event_serialization: groups %v, principal user %v, want false and the default true",
			got.EventSerialization.Groups(), got.EventSerialization.PrincipalUser())
	}
}

func TestMappingsComeFromFlagsToo(t *testing.T) {
	t.Parallel()
	got, err := parseFile(t, "", "--metrics-options", `{"deb_packages": {"sources": ["osquery"], "names": ["bash"],},}`)
	if err != nil || got.MetricsOptions.DebPackages == nil || got.MetricsOptions.DebPackages.Names[0] != "bash" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBadMappingsSayWhere(t *testing.T) {
	t.Parallel()
	webhook := "sinks: [{name: a, kind: webhook, secret: whsec_x, url: "
	tests := []struct {
		name, file string
		want       []string // parts of the error
	}{
		{"sources missing", "metrics_options:\n  programs: {names: [x]}", []string{"metrics_options.programs.sources: missing"}},
		{"names missing", "metrics_options:\n  deb_packages: {sources: [x]}", []string{"metrics_options.deb_packages.names: missing"}},
		{"bundles missing", "metrics_options:\n  osx_apps: {sources: [x]}", []string{"metrics_options.osx_apps.bundle_ids: missing", "bundle_names"}},
		{"names of another family", "metrics_options:\n  osx_apps: {sources: [x], names: [y]}", []string{"metrics_options.osx_apps.names: not a key"}},
		{"an empty family", "metrics_options:\n  os_versions: {}", []string{"metrics_options.os_versions.sources: missing"}},
		{"key misspelt", "metrics_options:\n  deb_packages:\n    surces: [x]", []string{":3: metrics_options.deb_packages.surces: unknown key, did you mean sources?"}},
		{"family misspelt", "\nmetrics_options:\n  debs: {}", []string{":3: metrics_options.debs: unknown key"}},
		{"a list is wanted", "metrics_options:\n  deb_packages: {sources: osquery}", []string{":2: metrics_options.deb_packages.sources: a list is wanted"}},
		{"a mapping is wanted", "metrics_options: [x]", []string{":1: metrics_options: a mapping of keys to values is wanted"}},
		{"key twice", "event_serialization:\n  include_groups: true\n  include_groups: false", []string{":3: event_serialization.include_groups: the key is there twice"}},
		{"no boolean", "event_serialization: {include_groups: yes please}", []string{":1: event_serialization.include_groups: true or false is wanted"}},
		{"no number", "sinks: [{name: a, kind: file, path: x, keep: many}]", []string{":1: sinks[0].keep: a whole number is wanted"}},
		{"no duration", webhook + "'https://x', timeout: 5 parsecs}]", []string{"sinks[0].timeout: ", "is no duration"}},
		{"name twice", "sinks: [{name: a, kind: file, path: x}, {name: a, kind: file, path: y}]", []string{"sinks[1].name: there is a sink"}},
		{"file twice", "sinks: [{name: a, kind: file, path: x}, {name: b, kind: file, path: x}]", []string{"sinks[1].path: another sink"}},
		{"bad name", "sinks: [{name: A b, kind: file, path: x}]", []string{"sinks[0].name: "}},
		{"kind missing", "sinks: [{name: a, path: x}]", []string{"sinks[0].kind: file or webhook"}},
		{"path missing", "sinks: [{name: a, kind: file}]", []string{"sinks[0].path: missing"}},
		{"file with address", "sinks: [{name: a, kind: file, path: x, url: y}]", []string{"sinks[0].url: "}},
		{"address missing", "sinks: [{name: a, kind: webhook, secret: x}]", []string{"sinks[0].url: missing"}},
		{"no address", webhook + "'ftp://x'}]", []string{"sinks[0].url: not an address"}},
		{"in the clear", webhook + "'http://siem.example/'}]", []string{"sinks[0].url: plain http only to this machine"}},
		{"two secrets", webhook + "'https://x', secret_file: y}]", []string{"sinks[0].secret: either"}},
		{"negative delivery", "probe_delivery: {concurrency: -1}", []string{"probe_delivery.concurrency: from 1 to 256"}},
		{"bad filter", "sinks: [{name: a, kind: file, path: x, filter: {expression: 'a ['}}]", []string{"sinks[0].filter.expression: "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseFile(t, test.file)
			if err == nil {
				t.Fatalf("accepted: %+v", got)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
			if config.ExitCode(err) != config.ExitUsage {
				t.Errorf("exit code %d", config.ExitCode(err))
			}
		})
	}
}
