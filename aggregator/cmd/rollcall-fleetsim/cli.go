// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
)

// cli is a parsed command line.
type cli struct {
	Server         []string `default:"http://127.0.0.1:8480" placeholder:"URL" help:"Main listener of the aggregator (default ${default}); may be repeated."`
	GRPC           []string `name:"grpc" default:"127.0.0.1:8481" placeholder:"HOST:PORT" help:"Native gRPC listener (default ${default}); may be repeated: connections are spread, and those of a dead one go to another."`
	CAFile         string   `name:"ca-file" placeholder:"FILE" help:"Trust the certificates of this PEM file instead of the system's."`
	TLSResume      bool     `name:"tls-resume" help:"Offer TLS sessions of earlier connections when one is opened."`
	Machines       int      `default:"100000" help:"Machines of the fleet, copies apart (default ${default})."`
	Seed           uint64   `default:"1" help:"Another seed is another fleet (default ${default})."`
	Clones         int      `default:"0" help:"Copies of enrolled machines for 10,000 machines; they run into conflicts (default ${default})."`
	PatchDay       int      `name:"patch-day" default:"30" help:"The day of a machine's life on which it takes the large batch (default ${default})."`
	Packages       []string `type:"existingfile" placeholder:"FILE" help:"A Packages file of Debian to make the machines from; may be repeated. By default one that comes with the program."`
	State          string   `default:"fleetsim.state" placeholder:"FILE" help:"What the machines remember between runs, credentials included (default ${default})."`
	Report         string   `placeholder:"FILE" help:"Write the report here, as JSON."`
	Transport      string   `enum:"grpc,connect,mixed" default:"grpc" help:"How machines speak: grpc, connect or mixed (default ${default})."`
	Connections    int      `default:"64" help:"Connections that the machines share (default ${default})."`
	Workers        int      `default:"256" help:"Machines at work at once, at most (default ${default})."`
	Addresses      int      `default:"1" help:"Spread the connections over so many addresses of 127.1.0.0/16; for an aggregator on loopback of Linux (default ${default})."`
	AggregatorPID  []int    `name:"aggregator-pid" placeholder:"PID" help:"Process to measure. By default those that listen on the ports."`
	PostgresPID    []int    `name:"postgres-pid" placeholder:"PID" help:"Postmaster to measure. By default the child of the aggregator."`
	Token          string   `placeholder:"TOKEN" help:"API token for /metrics, to report sizes of database and index, and refusals."`
	Quiet          bool     `help:"No progress on standard error."`
	MemoryLimitMiB int64    `name:"memory-limit-mib" default:"1800" help:"Where this program begins to collect its garbage eagerly (default ${default})."`

	Enroll struct {
		Secret string  `required:"" help:"Enrolment secret."`
		Rate   float64 `help:"Machines per second; by default as fast as possible."`
	} `cmd:"" help:"Enrol the machines that are not, and push their first snapshots."`
	Steady struct {
		Rate     float64       `default:"333" help:"Check-ins per second (default ${default})."`
		Duration time.Duration `default:"15m" help:"For how long (default ${default})."`
		Changed  float64       `default:"0.01" help:"Share of them with a change (default ${default})."`
	} `cmd:"" help:"Check in at a rate, whatever the answers take."`
	Day struct {
		Days int `default:"1" help:"How many (default ${default})."`
	} `cmd:"" help:"Push one day's changes of all machines at full speed."`
	Reconnect struct {
		Over    time.Duration `default:"10m" help:"Time within which every machine tries first (default ${default})."`
		Changed float64       `default:"0.05" help:"Share of them with a change (default ${default})."`
	} `cmd:"" help:"Come back after an outage, every machine over a new connection."`
	Patch struct {
		Over time.Duration `default:"10m" help:"Time over which the machines are spread (default ${default})."`
	} `cmd:"" help:"Push the large batch of the patch day."`
	Idle struct {
		Count int `default:"5000" help:"How many (default ${default})."`
	} `cmd:"" name:"connections" help:"Measure what idle connections take of the aggregator's memory."`
	Receive struct {
		Listen string `default:"127.0.0.1:8490" placeholder:"HOST:PORT" help:"Where to listen (default ${default})."`
	} `cmd:"" help:"Be the other end of a webhook: take every event, and count them."`
	Verify  struct{} `cmd:"" help:"Ask whether the aggregator holds what it acknowledged; exit code 3 when not."`
	Version struct{} `cmd:"" help:"Print the version."`
}

// parse reads a command line without the program's name. A flag wins over its environment variable. The verb is
// returned beside the settings.
func parse(args []string, stdout io.Writer) (*cli, string, error) {
	c := &cli{}
	helped := false
	parser, err := kong.New(c,
		kong.Name("rollcall-fleetsim"),
		kong.Description("A synthetic fleet that reports to a running aggregator, and what that costs. For aggregators with nothing to lose."),
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { helped = true }),
		kong.DefaultEnvars("ROLLCALL_FLEETSIM"),
	)
	if err != nil {
		return nil, "", fmt.Errorf("command line: %w", err) // a mistake in the structs
	}
	chosen, err := parser.Parse(args)
	if helped {
		return nil, "", config.ErrHelp
	}
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		return nil, "", config.WithExit(config.ExitUsage, err)
	}
	return c, chosen.Command(), nil
}

// validate refuses numbers that make no fleet.
func (c *cli) validate() error {
	switch {
	case c.Machines < 1 || c.Machines > 2_000_000:
		return fmt.Errorf("--machines %d: 1 to 2,000,000", c.Machines)
	case c.Connections < 1 || c.Workers < 1:
		return errors.New("--connections and --workers are at least 1")
	case c.State == "":
		return errors.New("--state names no file")
	}
	return nil
}
