// SPDX-License-Identifier: Apache-2.0

// Package config is the command line of the aggregator: its verbs and flags, their defaults, environment variables and
// file keys, and what of them is refused. It refuses to act: it opens nothing but the configuration file.
//
//	cli, err := config.Parse(os.Args[1:], os.Getenv, os.Stdout)
//	if err != nil { return err }              // config.ExitCode(err): 0 for ErrHelp, 2 for everything else from Parse
//	log := cli.Logger(os.Stderr)
//	switch cli.Verb {
//	case "serve":        return serve(ctx, cli.Serve, log)
//	case "token create": return tokenCreate(ctx, cli.Token.Create, log)
//	…
//
// A flag wins over its environment variable, that over the file, that over the default. The flag --grpc-listen is
// ROLLCALL_AGGREGATOR_GRPC_LISTEN and grpc_listen in the file; flags of a one-shot verb carry its name:
// token create --role is ROLLCALL_AGGREGATOR_TOKEN_CREATE_ROLE and token: {create: {role: …}}.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/manual"
)

const (
	programName = "rollcall-aggregator"
	envPrefix   = "ROLLCALL_AGGREGATOR_"
)

// CLI is a parsed command line. Only the struct of the chosen verb means anything.
type CLI struct {
	// Verb is what to do: "serve", "token create" … without arguments.
	Verb string `kong:"-"`

	Config    string `setting:"" placeholder:"FILE" help:"Read settings from this YAML file."`
	LogFormat string `setting:"" enum:"text,json" default:"text" help:"How logs are written: text or json."`
	LogLevel  string `setting:"" enum:"debug,info,warn,error" default:"info" help:"The least level that is logged: debug, info, warn or error."`

	Serve   Serve    `cmd:"" help:"Run the aggregator."`
	Migrate Database `cmd:"" help:"Bring the database to the newest schema, and end."`
	User    struct {
		Create  UserCreate `cmd:"" help:"Create a user."`
		List    List       `cmd:"" help:"List the users and service accounts."`
		Roles   UserRoles  `cmd:"" help:"Give a user or service account other roles."`
		Passwd  UserPasswd `cmd:"" help:"Give a user another password, and end their sessions."`
		Disable Named      `cmd:"" help:"Keep a user or service account out, with all its tokens and sessions."`
		Enable  Named      `cmd:"" help:"Let one that was disabled in again."`
		Delete  Named      `cmd:"" help:"Delete a user or service account with its tokens. What it did stays in the audit log."`
	} `cmd:"" help:"Users and service accounts."`
	Role struct {
		Create RoleCreate `cmd:"" help:"Create a role."`
		List   List       `cmd:"" help:"List the roles."`
		Delete Named      `cmd:"" help:"Delete a role that nobody has."`
	} `cmd:"" help:"What users and service accounts may do."`
	Token struct {
		Create TokenCreate `cmd:"" help:"Create a token and print it, this once."`
		List   List        `cmd:"" help:"List the tokens (never the secrets)."`
		Revoke Revoke      `cmd:"" help:"Revoke a token, by its name or id."`
	} `cmd:"" help:"API tokens."`
	Enrollment struct {
		Create EnrollmentCreate `cmd:"" help:"Create an enrolment secret and print it, this once."`
		List   List             `cmd:"" help:"List the enrolments (never the secrets)."`
		Revoke Revoke           `cmd:"" help:"Revoke an enrolment. Machines that used it stay enrolled."`

		Configure EnrollmentConfigure `cmd:"" help:"Give the machines of an enrolment another collection configuration."`
	} `cmd:"" help:"Secrets with which agents enrol."`
	Fsck        Database    `cmd:"" help:"Verify every digest in the database, and count orphans."`
	Healthcheck Healthcheck `cmd:"" help:"Ask a running aggregator whether it is ready."`
	Version     struct{}    `cmd:"" help:"Print the version."`
	Completion  Completion  `cmd:"" help:"Print what a shell needs to complete this command line."`
	Man         struct{}    `cmd:"" hidden:"" help:"Print the manual page."`

	model *kong.Application
}

// Completion is the verb completion.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Manual returns the manual page of the program.
func (c *CLI) Manual() string { return manual.Page(c.model) }

// Parse reads a command line (without the program's name), the environment and the configuration file. Help goes to
// stdout. Every error but ErrHelp has the exit code ExitUsage and a message for the person at the terminal.
func Parse(args []string, getenv func(string) string, stdout io.Writer) (*CLI, error) {
	cli := &CLI{}
	layer := newLayer(envPrefix, getenv)
	helped := false
	parser, err := kong.New(cli,
		kong.Name(programName),
		kong.Description("The aggregator keeps the inventory of a fleet in PostgreSQL and answers questions about it."),
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(layer),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationMapper)),
		kong.TypeMapper(reflect.TypeFor[MetricsOptions](), kong.MapperFunc(wholeMapper)),
		kong.TypeMapper(reflect.TypeFor[Sinks](), kong.MapperFunc(wholeMapper)),
		kong.TypeMapper(reflect.TypeFor[Delivery](), kong.MapperFunc(wholeMapper)),
		kong.TypeMapper(reflect.TypeFor[EventSerialization](), kong.MapperFunc(wholeMapper)),
		kong.ValueFormatter(layer.help),
		kong.WithBeforeResolve(layer.load),
	)
	if err != nil {
		return nil, fmt.Errorf("command line: %w", err) // a mistake in the structs
	}
	kongcompletion.Register(parser)
	layer.learn(parser.Model.Node, nil)
	chosen, err := parser.Parse(args)
	if helped {
		return nil, ErrHelp
	}
	if err != nil {
		return nil, WithExit(ExitUsage, err)
	}
	cli.Verb, cli.model = verb(chosen.Selected()), parser.Model
	return cli, nil
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

// Database says where the inventory is. Every verb that needs it has these flags.
type Database struct {
	EmbeddedPostgres string `setting:"" placeholder:"DIR" help:"Keep the data in this folder, in a private PostgreSQL run by the aggregator."`
	DatabaseURL      string `setting:"" name:"database-url" placeholder:"URL" help:"Use this PostgreSQL server (postgres://…)."`
	PostgresBin      string `setting:"" placeholder:"DIR" help:"Where initdb and postgres are, for --embedded-postgres. Searched by default."`
}

// Validate wants exactly one database.
func (d *Database) Validate() error {
	switch {
	case d.EmbeddedPostgres != "" && d.DatabaseURL != "":
		return errors.New("--embedded-postgres and --database-url exclude each other: name one database")
	case d.EmbeddedPostgres == "" && d.DatabaseURL == "":
		return errors.New("no database: give --embedded-postgres DIR, or --database-url postgres://…")
	}
	return nil
}
