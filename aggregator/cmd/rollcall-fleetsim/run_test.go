// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		env  string // ROLLCALL_FLEETSIM_STATE
		code int
		want string // in what is printed
	}{
		{name: "version", args: []string{"version"}, want: "dev\n"},
		{name: "help", args: []string{"--help"}, want: "$ROLLCALL_FLEETSIM_MACHINES"},
		{name: "no verb", code: 2, want: "expected one of"},
		{name: "no secret", args: []string{"enroll"}, code: 2, want: "--secret"},
		{name: "no machines", args: []string{"--machines", "0", "verify"}, code: 2, want: "--machines 0"},
		{name: "no such transport", args: []string{"--transport", "pigeon", "verify"}, code: 2, want: "--transport"},
		{name: "no such packages", args: []string{"--packages", "/nowhere", "verify"}, code: 2, want: "/nowhere"},
		{name: "no URL", args: []string{"--server", "nowhere", "verify"}, code: 2, want: "is not a URL"},
		{name: "nobody enrolled", args: []string{"--machines", "2", "--state", state, "verify"}, code: 1, want: "no machine is enrolled"},
		{name: "another file", args: []string{"--machines", "2", "verify"}, env: other, code: 2, want: "not a state file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.env != "" {
				t.Setenv("ROLLCALL_FLEETSIM_STATE", test.env)
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), test.args, &stdout, &stderr)
			if printed := stdout.String() + stderr.String(); code != test.code || !strings.Contains(printed, test.want) {
				t.Errorf("exit code %d, want %d; printed %q, want %q in it", code, test.code, printed, test.want)
			}
		})
	}
}
