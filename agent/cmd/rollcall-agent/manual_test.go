// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the manual pages and completions that packages ship")

// The pages and completions of the packages are made from the command line; `make generate` makes them again.
func TestManualPagesAndCompletionsSayWhatTheProgramTakes(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"man/rollcall-agent.1":           "man",
		"man/rollcall-agent.yaml.5":      "man rollcall-agent.yaml",
		"completion/rollcall-agent.bash": "completion bash",
		"completion/_rollcall-agent":     "completion zsh",
		"completion/rollcall-agent.fish": "completion fish",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, got, stderr := agent(t, line)
			if code != 0 {
				t.Fatalf("got exit %d, %q", code, stderr)
			}
			path := filepath.Join("..", "..", "..", "packaging", "agent", filepath.FromSlash(name))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not what the command line says: run make generate", path)
			}
		})
	}
}
