// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// From linux/ioprio.h: the class stands above 13 bits of data; the idle class has none.
	ioprioWhoProcess = 1
	ioprioIdle       = 3 << 13

	niceness = 10
)

// LowerPriority makes the process wait for everybody else: idle I/O class and nice 10, on every thread that there is;
// later ones inherit both.
//
// Source: ioprio_set(2), setpriority(2): both act on a thread.
func LowerPriority() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("threads: %w", err)
	}
	var errs []error
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		_, _, errno := syscall.RawSyscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(tid), ioprioIdle)
		if errno != 0 && !errors.Is(errno, syscall.ESRCH) { // a thread may end meanwhile
			errs = append(errs, fmt.Errorf("I/O priority: %w", errno))
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, tid, niceness); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("priority: %w", err))
		}
	}
	return errors.Join(errs...)
}
