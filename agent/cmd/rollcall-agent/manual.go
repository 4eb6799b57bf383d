// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/manual"
)

// manVerb prints a manual page; packages ship both.
func manVerb(flags config.Man, t terminal) error {
	model, err := config.NewModel()
	if err != nil {
		return err
	}
	if flags.Page == "rollcall-agent.yaml" {
		return manual.Configuration(t.out, model)
	}
	return manual.Program(t.out, model)
}

// completionVerb prints what a shell needs to complete command lines of the program.
func completionVerb(flags config.Completion, t terminal) error {
	model, err := config.NewModel()
	if err != nil {
		return err
	}
	return manual.Completion(t.out, model, flags.Shell)
}
