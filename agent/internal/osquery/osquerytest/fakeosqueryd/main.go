// SPDX-License-Identifier: Apache-2.0

// Command fakeosqueryd answers an agent under test in the place of an osqueryd: fakeosqueryd SOCKET FILE, where the file
// holds a Daemon of package osquerytest as JSON. It is no part of any release.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rollcall-inventory/rollcall/agent/internal/osquery/osquerytest"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fakeosqueryd:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments, want a socket and a file", len(args))
	}
	raw, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var told struct {
		Answers map[string]osquerytest.Answer `json:"answers"`
		Tables  []string                      `json:"tables"`
	}
	if err := json.Unmarshal(raw, &told); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	daemon := &osquerytest.Daemon{Answers: told.Answers, Tables: told.Tables}
	stop, err := daemon.Serve(args[0])
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "listening")
	<-end
	stop()
	return nil
}
