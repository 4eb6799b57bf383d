// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
)

// enrollVerb trades the enrolment secret for an identity. A machine that is enrolled with this server already stays as
// it is, so that provisioning may run again.
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
	if known := syncer.Identity; known != nil && known.Server == flags.Server {
		_, err := fmt.Fprintf(t.out, "enrolled already as %s at %s\n", known.SerialNumber, known.Server)
		return err
	}
	if syncer.Evidence, err = identity.Gather(host.At(flags.Root).FS(), dir); err != nil {
		return err
	}
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
	_, err = fmt.Fprintf(t.out, "enrolled as %s at %s\n", syncer.Identity.SerialNumber, syncer.Identity.Server)
	return err
}
