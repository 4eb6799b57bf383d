// SPDX-License-Identifier: Apache-2.0

package config

import (
	"io"

	"github.com/alecthomas/kong"
)

// Model is the command line, for whoever describes it.
type Model struct {
	*kong.Application
	layer *layer
}

// NewModel returns the command line of this platform with its defaults.
func NewModel() (Model, error) {
	unset := func(string) string { return "" }
	parser, layer, err := newParser(&CLI{}, unset, io.Discard, func(int) {})
	if err != nil {
		return Model{}, err
	}
	return Model{parser.Model, layer}, nil
}

// Env returns the environment variable of a flag, or "" for --help.
func (m Model) Env(flag *kong.Flag) string { return m.layer.env(flag) }

// Key returns the key of a flag in the configuration file, its parents joined with dots, or "" where it has none.
func (m Model) Key(flag *kong.Flag) string {
	if key := m.layer.keys[flag]; key != configFlag {
		return key
	}
	return ""
}

// Man is the verb man.
type Man struct {
	Page string `arg:"" optional:"" enum:"rollcall-agent,rollcall-agent.yaml" default:"rollcall-agent" help:"Which page: of the program or of its configuration file."`
}

// Completion is the verb completion.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"For which shell: bash, zsh or fish."`
}
