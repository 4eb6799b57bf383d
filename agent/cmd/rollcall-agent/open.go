// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// open makes a syncer on a locked state folder. What the flags leave out comes from the enrolment; without either,
// ErrNotEnrolled.
func open(dir *state.Dir, c config.Connection, t terminal) (*upload.Syncer, error) {
	enrolled, err := identity.Load(dir)
	if err != nil && (!errors.Is(err, identity.ErrNotEnrolled) || c.Server == "") {
		return nil, err
	}
	options := upload.Options{
		Server:    c.Server,
		Transport: c.Transport,
		CAFile:    c.CAFile,
		PlainHTTP: c.InsecurePlainHTTP,
		Version:   version,
		Log:       t.log,
	}
	if options.CAFile != "" { // it is remembered, and the next process may start elsewhere
		if options.CAFile, err = filepath.Abs(options.CAFile); err != nil {
			return nil, err
		}
	}
	if enrolled != nil {
		options.Server = cmp.Or(options.Server, enrolled.Server)
		options.CAFile = cmp.Or(options.CAFile, enrolled.CAFile)
		options.PlainHTTP = options.PlainHTTP || enrolled.PlainHTTP && options.Server == enrolled.Server
		options.GRPCAddress = enrolled.GRPCAddress
		options.Credential = enrolled.Credential
	}
	client, err := upload.New(options)
	if err != nil {
		return nil, err
	}
	stored, err := spool.Open(dir, t.log)
	if err != nil {
		return nil, err
	}
	hostname, _ := os.Hostname() // only for people who look at enrolments
	return upload.NewSyncer(upload.Syncer{
		Client:   client,
		Spool:    stored,
		Dir:      dir,
		Identity: enrolled,
		Hostname: hostname,
		Log:      t.log,
	}), nil
}
