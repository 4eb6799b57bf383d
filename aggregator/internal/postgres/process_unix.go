// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package postgres

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent does nothing here: a server left behind by a killed aggregator is stopped by the next start.
func endWithParent(*syscall.SysProcAttr) {}

// servesFolder reports whether the process is a PostgreSQL server that was started with the data folder.
func servesFolder(pid int, data string) bool {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}
