// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
)

// program is what every verb has at hand.
type program struct {
	out, err io.Writer // what was asked for, and what is said beside it
	log      *slog.Logger
}

// run does what the command line says and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	cli, err := config.Parse(args, getenv, stdout)
	if err == nil {
		p := &program{out: stdout, err: stderr, log: cli.Logger(stderr)}
		err = p.do(ctx, cli)
	}
	if err != nil && !errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(stderr, "rollcall-aggregator: %v\n", err)
	}
	return config.ExitCode(err)
}

func (p *program) do(ctx context.Context, cli *config.CLI) error {
	switch cli.Verb {
	case "serve":
		return p.serve(ctx, &cli.Serve)
	case "migrate":
		return p.migrate(ctx, &cli.Migrate)
	case "token create":
		return p.createToken(ctx, &cli.Token.Create)
	case "token list":
		return p.listTokens(ctx, &cli.Token.List)
	case "token revoke":
		return p.revokeToken(ctx, &cli.Token.Revoke)
	case "enrollment create":
		return p.createEnrollment(ctx, &cli.Enrollment.Create)
	case "enrollment list":
		return p.listEnrollments(ctx, &cli.Enrollment.List)
	case "enrollment configure":
		return p.configureEnrollment(ctx, &cli.Enrollment.Configure)
	case "enrollment revoke":
		return p.revokeEnrollment(ctx, &cli.Enrollment.Revoke)
	case "fsck":
		return p.fsck(ctx, &cli.Fsck)
	case "healthcheck":
		return p.healthcheck(ctx, &cli.Healthcheck)
	case "version":
		fmt.Fprintln(p.out, version)
		return nil
	}
	return config.WithExit(config.ExitUsage, fmt.Errorf("no such verb: %s", cli.Verb))
}
