// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// enrollVerb trades the enrolment secret for an identity. A machine that is enrolled with this server already stays as
// it is, so that provisioning may run again, unless the server does not accept its credential any more. The same machine
// is known by the same serial number afterwards, and so keeps its history.
func enrollVerb(ctx context.Context, flags config.Enroll, t terminal) error {
	secret, err := flags.ReadSecret()
	if err != nil {
		return err
	}
	dir, err := state.Open(flags.StateDir)
	if err != nil {
		return err
	}
	if err := dir.Lock(); err != nil {
		return err
	}
	defer dir.Close() // at the latest the lock ends with the process
	syncer, err := open(dir, flags.Connection, t)
	if err != nil {
		return err
	}
	defer syncer.Client.Close()
	if known := syncer.Identity; known != nil && known.Server == flags.Server && !flags.Again && accepted(ctx, syncer, t) {
		_, err := fmt.Fprintf(t.out, "enrolled already as %s at %s\n", known.SerialNumber, known.Server)
		return err
	}
	machine := host.At(flags.Root)
	if syncer.Evidence, err = identity.Gather(ctx, machine, dir); err != nil {
		return err
	}
	complete(ctx, machine, syncer)
	syncer.Client.SetCredential("")
	if err := syncer.Client.SetGRPCAddress(""); err != nil {
		return err
	}
	if err := syncer.Enroll(ctx, secret); err != nil {
		return err
	}
	if err := schedule.Forget(dir); err != nil {
		return err
	}
	if err := schedule.SaveConfiguration(dir, syncer.Configuration); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "enrolled as %s at %s\n", syncer.Identity.SerialNumber, syncer.Identity.Server)
	return err
}

// complete asks the cloud for what the machine's evidence lacks.
func complete(ctx context.Context, machine host.Host, syncer *upload.Syncer) {
	if err := identity.Complete(ctx, machine, syncer.Identity, syncer.Evidence); err != nil {
		syncer.Log.Warn("the cloud did not say which instance this is: enrolling by what the firmware says", "err", err)
	}
}

// accepted tells whether the server takes the credential of an enrolled machine. A server that cannot be asked has not
// said no.
func accepted(ctx context.Context, syncer *upload.Syncer, t terminal) bool {
	for _, credential := range []string{syncer.Identity.Credential, syncer.Identity.Previous} {
		if credential == "" {
			continue
		}
		syncer.Client.SetCredential(credential)
		if err := syncer.Client.Authenticate(ctx); !errors.Is(err, upload.ErrNotAuthorised) {
			return true
		}
	}
	t.log.Warn("the aggregator does not accept this machine's credential any more: enrolling again")
	return false
}
