// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/alecthomas/kong"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

// Exit codes.
const (
	exitOK           = 0
	exitFailure      = 1
	exitUsage        = 2
	exitUnauthorised = 5
	exitUnreachable  = 6
)

// errUsage marks what is wrong with the command line or the configuration.
var errUsage = errors.New("usage")

// program is what every verb has at hand.
type program struct {
	ctx    context.Context //nolint:containedctx // a verb is called once, by kong, which passes no context
	cli    *cli
	getenv func(string) string
	in     io.Reader
	out    io.Writer // what was asked for
	err    io.Writer // what is said beside it
	model  *kong.Application
}

// run does what the command line says and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	chosen, c, err := parse(args, getenv, stdout, stderr)
	switch {
	case errors.Is(err, errHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "rollcall: %v\n", err)
		return exitUsage
	}
	p := &program{ctx: ctx, cli: c, getenv: getenv, in: stdin, out: stdout, err: stderr, model: chosen.Model}
	if err := chosen.Run(p); err != nil {
		fmt.Fprintf(stderr, "rollcall: %v\n", err)
		return exitCode(err)
	}
	return exitOK
}

// exitCode tells scripts what kind of failure it was.
func exitCode(err error) int {
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case errors.Is(err, errUsage):
		return exitUsage
	case ok && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return exitUnauthorised
	case ok && refused.Status == http.StatusBadRequest:
		return exitUsage
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailure
}

// usage is an error of whoever called.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// connect returns a client for the chosen context, or the address that was given.
func (p *program) connect() (*client.Client, error) {
	target, err := p.target()
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{URL: target.URL, Token: target.Token, CAFile: target.CAFile, UserAgent: "rollcall/" + version})
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(p *program) error {
	_, err := fmt.Fprintln(p.out, version)
	return err
}
