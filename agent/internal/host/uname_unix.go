// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Uname implements Host.
func (m *Machine) Uname() (Uname, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Uname{}, fmt.Errorf("uname: %w", err)
	}
	return Uname{
		KernelName: unix.ByteSliceToString(u.Sysname[:]),
		Release:    unix.ByteSliceToString(u.Release[:]),
		Machine:    unix.ByteSliceToString(u.Machine[:]),
	}, nil
}
