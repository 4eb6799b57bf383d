// SPDX-License-Identifier: Apache-2.0

// Package config is the command line of the agent: its verbs and flags, their defaults, environment variables and file
// keys, and what of them is refused. It refuses to act: it opens nothing but the configuration file and the file of
// the enrolment secret. What may be said to an aggregator over plain HTTP is the rule of package upload.
//
//	cli, err := config.Parse(os.Args[1:], os.Getenv, os.Stdout)
//	if err != nil { return err }              // config.ExitCode(err): 0 for ErrHelp, 2 for everything else from Parse
//	log := cli.Logger(os.Stderr)
//	switch cli.Verb {
//	case "collect": return collect(ctx, cli.Collect, log)
//	case "run":     return run(ctx, cli.Run, log)
//	…
//
// A flag wins over its environment variable, that over the file, that over the default. The flag --state-dir is
// ROLLCALL_AGENT_STATE_DIR and state_dir in the file; flags of a one-shot verb carry its name: collect --format is
// ROLLCALL_AGENT_COLLECT_FORMAT and collect: {format: …}.
package config

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const (
	programName = "rollcall-agent"
	envPrefix   = "ROLLCALL_AGENT_"
)

// CLI is a parsed command line. Only the struct of the chosen verb means anything.
type CLI struct {
	// Verb is what to do: "collect", "run" …
	Verb string `kong:"-"`

	Config    string `setting:"" placeholder:"FILE" help:"Read settings from this YAML file."`
	LogFormat string `setting:"" enum:"text,json" default:"text" help:"How logs are written: text or json."`
	LogLevel  string `setting:"" enum:"debug,info,warn,error" default:"info" help:"The least level that is logged: debug, info, warn or error."`

	Collect Collect  `cmd:"" help:"Collect and print the inventory of this machine. Needs no aggregator and no privilege."`
	Enroll  Enroll   `cmd:"" help:"Make this machine known to an aggregator."`
	Run     Run      `cmd:"" help:"Collect and report, again and again."`
	Status  Status   `cmd:"" help:"Say how reporting goes."`
	Doctor  Doctor   `cmd:"" help:"Find out why the aggregator cannot be reached. Needs no enrolment when --server is given."`
	Goodbye Goodbye  `cmd:"" help:"Tell the aggregator that this machine will not report any more, and forget its identity. The agent has to be stopped."`
	Version struct{} `cmd:"" help:"Print the version."`

	ofPlatform            //nolint:unused // empty but on Windows
	Man        Man        `cmd:"" hidden:"" help:"Print a manual page."`
	Completion Completion `cmd:"" hidden:"" help:"Print what a shell needs to complete command lines of this program."`
}

// Parse reads a command line (without the program's name), the environment and the configuration file. Help goes to
// stdout. Every error but ErrHelp has the exit code ExitUsage and a message for the person at the terminal.
func Parse(args []string, getenv func(string) string, stdout io.Writer) (*CLI, error) {
	cli := &CLI{}
	helped := false
	parser, _, err := newParser(cli, getenv, stdout, func(int) { helped = true })
	if err != nil {
		return nil, err
	}
	chosen, err := parser.Parse(args)
	if helped {
		return nil, ErrHelp
	}
	if err != nil {
		return nil, WithExit(ExitUsage, err)
	}
	cli.Verb = verb(chosen.Selected())
	return cli, nil
}

// newParser makes the parser of cli, and the layer below its flags.
func newParser(cli *CLI, getenv func(string) string, stdout io.Writer, exit func(int)) (*kong.Kong, *layer, error) {
	layer := newLayer(envPrefix, getenv)
	parser, err := kong.New(cli,
		kong.Name(programName),
		kong.Description("The agent collects the inventory of this machine and sends what changed to an aggregator."),
		kong.Writers(stdout, io.Discard),
		kong.Exit(exit),
		kong.Vars{"state_dir": stateDir(getenv)},
		kong.Resolvers(layer),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationMapper)),
		kong.ValueFormatter(layer.help),
		kong.WithBeforeResolve(layer.load),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("command line: %w", err) // a mistake in the structs
	}
	layer.learn(parser.Model.Node, nil)
	return parser, layer, nil
}

// stateDir is the default of --state-dir.
func stateDir(getenv func(string) string) string {
	if root := programData(getenv); root != "" {
		return filepath.Join(root, "Rollcall Agent")
	}
	return "/var/lib/rollcall-agent"
}

// verb joins the commands that lead to the node.
func verb(node *kong.Node) string {
	var words []string
	for n := node; n != nil && n.Type == kong.CommandNode; n = n.Parent {
		words = append([]string{n.Name}, words...)
	}
	return strings.Join(words, " ")
}

// Logger returns a logger of the chosen format and level.
func (c *CLI) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // Parse lets no other word through
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
