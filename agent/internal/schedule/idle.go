// SPDX-License-Identifier: Apache-2.0

package schedule

import "runtime/debug"

// goIdle gives back what a cycle needed: minutes of idleness follow.
func goIdle() {
	debug.FreeOSMemory()
	forgetProgram()
}
