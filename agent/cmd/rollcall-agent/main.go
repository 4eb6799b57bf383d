// SPDX-License-Identifier: Apache-2.0

// Command rollcall-agent collects the inventory of the machine it runs on and reports what changed to an aggregator.
// It opens no listening socket and starts no program.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set when the program is linked.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
