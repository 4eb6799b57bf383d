// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the manual page and the completions that packages ship")

// The page and completions of the package are made from the command line; `make generate` makes them again.
func TestManualPagesAndCompletionsSayWhatTheProgramTakes(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"man/rollcall.1":           "man",
		"completion/rollcall.bash": "completion bash",
		"completion/_rollcall":     "completion zsh",
		"completion/rollcall.fish": "completion fish",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got, stderr bytes.Buffer
			nothing := func(string) string { return "" }
			if code := run(t.Context(), strings.Fields(line), nothing, strings.NewReader(""), &got, &stderr); code != exitOK {
				t.Fatalf("got exit %d, %s", code, &stderr)
			}
			path := filepath.Join("..", "..", "..", "packaging", "client", filepath.FromSlash(name))
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s is not what the command line says: run make generate", path)
			}
		})
	}
}
