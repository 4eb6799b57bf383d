// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/manual"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Run prints the lines for a shell.
func (c *completionCmd) Run(p *program) error {
	_, err := fmt.Fprint(p.out, manual.Completion("rollcall", c.Shell))
	return err
}

type manCmd struct{}

// Run prints the manual page.
func (manCmd) Run(p *program) error {
	_, err := fmt.Fprint(p.out, manual.Page(p.model))
	return err
}
