// SPDX-License-Identifier: Apache-2.0

// Command rollcall-fleetsim is the load generator: a synthetic fleet that speaks the real sync protocol to a running
// aggregator, and a report of what that costs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
