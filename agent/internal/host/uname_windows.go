// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// Uname implements Host: the version that the kernel tells everybody, whatever compatibility mode the program runs in,
// and the processor that the program was built for.
//
// Source: RtlGetVersion.
func (m *Machine) Uname() (Uname, error) {
	v := windows.RtlGetVersion()
	return Uname{
		KernelName: "Windows NT",
		Release:    fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
		Machine:    map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i686"}[runtime.GOARCH],
	}, nil
}
