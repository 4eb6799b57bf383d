// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package service

import "syscall"

const niceness = 10

// LowerPriority makes the process nice. That of its disk accesses is the service manager's to lower (LowPriorityIO of
// launchd.plist(5)).
func LowerPriority() error {
	return syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
}
