// SPDX-License-Identifier: Apache-2.0

package collect

import "runtime"

// onMac and onWindows tell whether the collectors of a system are part of this program. A released program has those of
// its own system alone, because the others are code that nobody can call; any other build has all, for the tests.
const (
	onMac     = everySystem || runtime.GOOS == "darwin"
	onWindows = everySystem || runtime.GOOS == "windows"
)
