// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/manual"
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
	if cli.Verb != "serve" {
		ctx = asCommandLine(ctx) // for the audit log
	}
	switch cli.Verb {
	case "serve":
		return p.serve(ctx, &cli.Serve)
	case "migrate":
		return p.migrate(ctx, &cli.Migrate)
	case "fsck":
		return p.fsck(ctx, &cli.Fsck)
	case "healthcheck":
		return p.healthcheck(ctx, &cli.Healthcheck)
	case "completion":
		_, err := fmt.Fprint(p.out, manual.Completion("rollcall-aggregator", cli.Completion.Shell))
		return err
	case "man":
		_, err := fmt.Fprint(p.out, cli.Manual())
		return err
	case "version":
		fmt.Fprintln(p.out, version)
		return nil
	}
	return p.manage(ctx, cli)
}

// manage does what is about who and what may come in.
func (p *program) manage(ctx context.Context, cli *config.CLI) error {
	switch cli.Verb {
	case "user create":
		return p.createUser(ctx, &cli.User.Create)
	case "user list":
		return p.listUsers(ctx, &cli.User.List)
	case "user roles":
		return p.changeRoles(ctx, &cli.User.Roles)
	case "user passwd":
		return p.changePassword(ctx, &cli.User.Passwd)
	case "user disable":
		return p.setDisabled(ctx, &cli.User.Disable, true)
	case "user enable":
		return p.setDisabled(ctx, &cli.User.Enable, false)
	case "user delete":
		return p.deleteUser(ctx, &cli.User.Delete)
	case "role create":
		return p.createRole(ctx, &cli.Role.Create)
	case "role list":
		return p.listRoles(ctx, &cli.Role.List)
	case "role delete":
		return p.deleteRole(ctx, &cli.Role.Delete)
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
	}
	return config.WithExit(config.ExitUsage, fmt.Errorf("no such verb: %s", cli.Verb))
}
