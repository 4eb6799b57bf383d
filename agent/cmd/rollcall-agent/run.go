// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// terminal is where a verb talks to.
type terminal struct {
	out io.Writer // results
	err io.Writer // messages for people
	log *slog.Logger
}

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	cli, err := config.Parse(args, getenv, stdout)
	if err == nil {
		err = dispatch(ctx, cli, terminal{out: stdout, err: stderr, log: cli.Logger(stderr)})
	}
	if err != nil && !errors.Is(err, config.ErrHelp) {
		fmt.Fprintln(stderr, "rollcall-agent:", err)
	}
	return config.ExitCode(withCode(err))
}

// dispatch runs the chosen verb.
func dispatch(ctx context.Context, cli *config.CLI, t terminal) error {
	switch cli.Verb {
	case "collect":
		return collectVerb(ctx, cli.Collect, t)
	case "enroll":
		return enrollVerb(ctx, cli.Enroll, t)
	case "run":
		return runVerb(ctx, cli.Run, t)
	case "status":
		return statusVerb(cli.Status, t)
	case "doctor":
		return doctorVerb(ctx, cli.Doctor, t)
	case "goodbye":
		return goodbyeVerb(ctx, cli.Goodbye, t)
	case "version":
		return versionVerb(t)
	case "man":
		return manVerb(cli.Man, t)
	case "completion":
		return completionVerb(cli.Completion, t)
	default:
		if verb, ok := ofPlatform(cli); ok {
			return verb(ctx, t)
		}
		return config.WithExit(config.ExitUsage, fmt.Errorf("no such command: %s", cli.Verb))
	}
}

// withCode gives errors of the packages below their exit codes.
func withCode(err error) error {
	switch {
	case errors.Is(err, upload.ErrUsage), errors.Is(err, identity.ErrNotEnrolled):
		return config.WithExit(config.ExitUsage, err)
	case errors.Is(err, upload.ErrNotAuthorised):
		return config.WithExit(config.ExitNotAuthorised, err)
	case errors.Is(err, upload.ErrUnreachable):
		return config.WithExit(config.ExitUnreachable, err)
	default:
		return err
	}
}
