// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
)

const examplePath = "../../../packaging/config/agent.yaml.example"

// commentedKey is a setting that the example shows without setting it; prose has a blank after the #.
var commentedKey = regexp.MustCompile(`(?m)^#([a-z_]+):`)

func TestExampleSetsNothing(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			t.Errorf("packages install the example as the configuration, and this sets something: %q", line)
		}
	}
}

func TestEveryKeyOfTheExampleIsTakenAndEverySettingIsThere(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	uncommented := file(t, commentedKey.ReplaceAllString(string(raw), "$1:"))
	for _, line := range []string{"run", "enroll", "collect"} {
		if _, err := parse(t, line+" --config "+uncommented, nil); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	shown := map[string]bool{}
	for _, m := range commentedKey.FindAllStringSubmatch(string(raw), -1) {
		shown[m[1]] = true
	}
	model, err := config.NewModel()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range append(model.Leaves(true), model.Node) {
		for _, flag := range verb.Flags {
			key := model.Key(flag)
			// A secret belongs into a file of its own; a key with a dot is of a command that ends by itself.
			if key != "" && key != "secret" && !strings.Contains(key, ".") && !shown[key] {
				t.Errorf("the example lacks %s", key)
			}
		}
	}
}
