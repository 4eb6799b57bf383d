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
)

// goodbyeVerb has the machine archived instead of missed, and forgets the identity that ends with that. A machine that
// never enrolled has nobody to take leave of, which is no failure of an uninstallation.
func goodbyeVerb(ctx context.Context, flags config.Goodbye, t terminal) error {
	dir, err := openExisting(flags.StateDir)
	if errors.Is(err, identity.ErrNotEnrolled) {
		return notEnrolled(t)
	}
	if err != nil {
		return err
	}
	if err := dir.Lock(); err != nil {
		return err
	}
	defer dir.Close() // at the latest the lock ends with the process
	syncer, err := open(dir, flags.Connection, t)
	if errors.Is(err, identity.ErrNotEnrolled) || err == nil && syncer.Identity == nil {
		return notEnrolled(t)
	}
	if err != nil {
		return err
	}
	defer syncer.Client.Close()
	if syncer.Evidence, err = identity.Gather(ctx, host.At(flags.Root), dir); err != nil {
		return err
	}
	if err := syncer.Goodbye(ctx, flags.Reason); err != nil {
		return err
	}
	if err := identity.Remove(dir); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s is archived at %s; enroll makes it report again\n", syncer.Identity.SerialNumber, syncer.Identity.Server)
	return errors.Join(err, schedule.Forget(dir))
}

// notEnrolled says that there is nothing to end.
func notEnrolled(t terminal) error {
	_, err := fmt.Fprintln(t.out, "this machine is not enrolled")
	return err
}

// openExisting opens a state folder that is there; a machine without one is not enrolled.
func openExisting(path string) (*state.Dir, error) {
	if !state.Exists(path) {
		return nil, identity.ErrNotEnrolled
	}
	return state.Open(path)
}
