// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/load"
)

// version is set by the linker.
var version = "dev"

// run does what the command line says and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, verb, err := parse(args, stdout)
	if err == nil {
		err = c.do(ctx, verb, stdout, stderr)
	}
	if err != nil && !errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(stderr, "rollcall-fleetsim: %v\n", err)
	}
	return config.ExitCode(err)
}

func (c *cli) do(ctx context.Context, verb string, stdout, stderr io.Writer) error {
	switch verb {
	case "version":
		fmt.Fprintln(stdout, version)
		return nil
	case "receive":
		return c.receive(ctx, stdout)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.MemoryLimitMiB << 20)
	}
	runner, err := c.runner(stderr)
	if err != nil {
		return err
	}
	defer runner.Close()
	report, err := c.verb(ctx, runner, verb)
	if report != nil {
		report.Table(stdout)
		err = errors.Join(err, c.write(report))
	}
	switch {
	case errors.Is(err, load.ErrNotCurrent):
		return config.WithExit(config.ExitCheckFailed, err)
	case err == nil && report.GaveUp > 0:
		return config.WithExit(config.ExitPartial, fmt.Errorf("%d machines gave up", report.GaveUp))
	}
	return err
}

// runner makes the fleet.
func (c *cli) runner(stderr io.Writer) (*load.Runner, error) {
	catalogue, name := fleet.Compact(), "compact"
	if len(c.Packages) > 0 {
		var err error
		if catalogue, err = fleet.LoadCatalogue(c.Packages); err != nil {
			return nil, config.WithExit(config.ExitUsage, err)
		}
		name = strings.Join(c.Packages, " ")
	}
	machines, err := fleet.New(fleet.Options{
		Machines: c.Machines, Seed: c.Seed, Catalogue: catalogue, Clones: c.Clones, PatchDay: c.PatchDay,
	})
	if err != nil {
		return nil, config.WithExit(config.ExitUsage, err)
	}
	options := load.Options{
		Fleet: machines, Seed: c.Seed, Catalogue: fmt.Sprintf("%s, patch day %d", name, c.PatchDay),
		Servers: c.Server, GRPC: c.GRPC, CAFile: c.CAFile, Resume: c.TLSResume,
		Transport: c.Transport, Connections: c.Connections, Workers: c.Workers, Addresses: c.Addresses,
		StateFile: c.State, AggregatorPIDs: c.AggregatorPID, PostgresPIDs: c.PostgresPID, Token: c.Token,
		Log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	if !c.Quiet {
		options.Progress = stderr
	}
	runner, err := load.New(options)
	return runner, config.WithExit(config.ExitUsage, err)
}

func (c *cli) verb(ctx context.Context, r *load.Runner, verb string) (*load.Report, error) {
	switch verb {
	case "enroll":
		return r.Enroll(ctx, c.Enroll.Secret, c.Enroll.Rate)
	case "steady":
		return r.Steady(ctx, load.Steady{Rate: c.Steady.Rate, Duration: c.Steady.Duration, Changed: c.Steady.Changed})
	case "day":
		return r.Day(ctx, c.Day.Days)
	case "reconnect":
		return r.Reconnect(ctx, load.Reconnect{Over: c.Reconnect.Over, Changed: c.Reconnect.Changed})
	case "patch":
		return r.Patch(ctx, c.Patch.Over)
	case "connections":
		return r.Connections(ctx, c.Idle.Count)
	case "verify":
		return r.Verify(ctx)
	}
	return nil, config.WithExit(config.ExitUsage, fmt.Errorf("no such verb: %s", verb))
}

// write writes the report where it was asked for.
func (c *cli) write(report *load.Report) error {
	if c.Report == "" {
		return nil
	}
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.Report, append(raw, '\n'), 0o644)
}
