// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"os"
	"strconv"
	"syscall"
)

// endWithParent makes the kernel ask the server for a fast shutdown when the thread that starts it ends.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// servesFolder reports whether the process is a server of the data folder: a postmaster's working directory is that
// folder. A process id that was reused by another program is not.
func servesFolder(pid int, data string) bool {
	cwd, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil {
		return false
	}
	want, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, want)
}
