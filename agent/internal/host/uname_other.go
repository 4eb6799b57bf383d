// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin && !windows

package host

import "runtime"

// Uname implements Host with what the program was built for; the release is left empty.
func (m *Machine) Uname() (Uname, error) {
	return Uname{KernelName: runtime.GOOS, Machine: runtime.GOARCH}, nil
}
