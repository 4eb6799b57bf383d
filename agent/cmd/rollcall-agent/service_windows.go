// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/service"
)

// enrolPoll is how often a service that is not enrolled looks whether it is.
const enrolPoll = 15 * time.Second

// ofPlatform returns the chosen verb where only this platform has it.
func ofPlatform(cli *config.CLI) (func(context.Context, terminal) error, bool) {
	switch cli.Verb {
	case "service install":
		return func(context.Context, terminal) error { return service.Install(installArgs(cli)...) }, true
	case "service uninstall":
		return func(ctx context.Context, _ terminal) error { return service.Uninstall(ctx) }, true
	case "service run":
		return func(ctx context.Context, _ terminal) error { return serve(ctx, cli) }, true
	}
	return nil, false
}

// installArgs are the arguments that the service manager starts the program with.
func installArgs(cli *config.CLI) []string {
	args := []string{"service", "run"}
	if cli.Config != "" {
		args = append(args, "--config", cli.Config)
	}
	return args
}

// serve is the service: it waits until the machine is enrolled, and reports. It logs to the event log.
func serve(ctx context.Context, cli *config.CLI) error {
	events, err := service.EventWriter()
	if err != nil {
		return err
	}
	t := terminal{out: events, err: events, log: cli.Logger(events)}
	return service.Run(ctx, func(ctx context.Context) error {
		err := whenEnrolled(ctx, cli.Service.Run, t)
		if err != nil {
			t.log.Error("agent ended", "err", err)
		}
		return err
	})
}

func whenEnrolled(ctx context.Context, flags config.Run, t terminal) error {
	ticker := time.NewTicker(enrolPoll)
	defer ticker.Stop()
	told := false
	for {
		err := runVerb(ctx, flags, t)
		if !errors.Is(err, identity.ErrNotEnrolled) {
			return err
		}
		if !told {
			t.log.Warn("waiting for enrolment", "err", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
