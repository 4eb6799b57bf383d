// SPDX-License-Identifier: Apache-2.0

// Command rollcall is the command line of people who look after a fleet: machines, exports, tokens, enrolments. It uses
// the public API and nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
