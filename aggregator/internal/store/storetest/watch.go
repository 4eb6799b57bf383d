// SPDX-License-Identifier: Apache-2.0

//go:build unix

package storetest

import (
	"os/exec"
	"syscall"
)

// watchScript reads until the test process is gone, stops the cluster without ceremony and removes the folder $1.
const watchScript = `
cat >/dev/null
pid=$(head -n 1 "$1/pg/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	rm -rf "$1" 2>/dev/null
	[ -e "$1" ] || exit 0
	sleep 0.2
done`

// watch starts the process that removes dir after this one has ended. It sits in a process group of its own, so that
// a Ctrl-C does not end it too early.
func watch(dir string) error {
	cmd := exec.Command("/bin/sh", "-c", watchScript, "sh", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The end of this pipe tells the watcher that this process is gone. Nobody closes it before.
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // keeps the pipe open for as long as this process lives
	return nil
}
