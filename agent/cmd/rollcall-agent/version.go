// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
)

// versionVerb prints the program's version and what it was built with.
func versionVerb(t terminal) error {
	_, err := fmt.Fprintf(t.out, "rollcall-agent %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
