// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

// cli is the command line.
type cli struct {
	Context string `setting:"ROLLCALL_CONTEXT" placeholder:"NAME" help:"Use this context of the configuration instead of the current one ($$ROLLCALL_CONTEXT)."`
	URL     string `name:"url" setting:"ROLLCALL_URL" placeholder:"URL" help:"Call this aggregator: https://rollcall.example:8480 ($$ROLLCALL_URL)."`
	Token   string `setting:"ROLLCALL_TOKEN" placeholder:"TOKEN" help:"Show this token. Better in a context or in $$ROLLCALL_TOKEN: everybody on this machine can read a command line."`
	CAFile  string `name:"ca-file" setting:"ROLLCALL_CA_FILE" placeholder:"FILE" help:"Trust the certificates of this PEM file instead of the system's ($$ROLLCALL_CA_FILE)."`
	Output  string `short:"o" enum:"table,json,csv" default:"table" help:"How answers are written: table, json or csv."`

	Machines    machinesCmd    `cmd:"" help:"What is known about machines."`
	Checks      checksCmd      `cmd:"" help:"What machines have to be like."`
	Exports     exportsCmd     `cmd:"" help:"Files with the facts of the whole fleet."`
	Tasks       tasksCmd       `cmd:"" help:"Work that the aggregator does in the background."`
	Tokens      tokensCmd      `cmd:"" help:"API tokens."`
	Enrollments enrollmentsCmd `cmd:"" help:"Secrets with which agents enrol."`
	Contexts    contextsCmd    `cmd:"" aliases:"context" help:"Aggregators, and tokens for them, by name."`

	Completion completionCmd `cmd:"" help:"Print what a shell needs to complete this command line."`
	Man        manCmd        `cmd:"" hidden:"" help:"Print the manual page."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// errHelp says that help was asked for, and printed.
var errHelp = errors.New("help")

// parse reads a command line.
func parse(args []string, getenv func(string) string, stdout, stderr io.Writer) (*kong.Context, *cli, error) {
	c := &cli{}
	helped := false
	parser, err := kong.New(c,
		kong.Name("rollcall"),
		kong.Description("Asks a Rollcall aggregator about a fleet of machines, and manages it."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(environment(getenv)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(terms)),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("command line: %w", err) // a mistake in the structs
	}
	kongcompletion.Register(parser)
	chosen, err := parser.Parse(args)
	if helped {
		return nil, nil, errHelp
	}
	return chosen, c, err
}

// environment gives flags that were not given the value of their variable.
func environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if name := flag.Tag.Get("setting"); name != "" {
			if value := getenv(name); value != "" {
				return value, nil
			}
		}
		return nil, nil
	})
}
