// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scrape_test

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
)

// pasted is the example of the contract's documentation, as it stands there.
const pasted = `{
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

// TestDocumentedExampleIsWhatTheTestsCount reads the example as a configuration file: the other tests are about that one.
func TestDocumentedExampleIsWhatTheTestsCount(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "aggregator.yaml")
	if err := os.WriteFile(file, []byte(pasted), 0o600); err != nil {
		t.Fatal(err)
	}
	cli, err := config.Parse([]string{"--config", file, "serve", "--database-url", "postgres://x"}, func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !cli.Serve.Metrics || !reflect.DeepEqual(cli.Serve.MetricsOptions, documented) {
		t.Errorf("got %v, %+v", cli.Serve.Metrics, cli.Serve.MetricsOptions)
	}
}
