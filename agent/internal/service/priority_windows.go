// SPDX-License-Identifier: Apache-2.0

package service

import "golang.org/x/sys/windows"

// LowerPriority puts the process into background mode: low priorities of processor, disk and memory.
//
// Source: SetPriorityClass, PROCESS_MODE_BACKGROUND_BEGIN.
func LowerPriority() error {
	return windows.SetPriorityClass(windows.CurrentProcess(), windows.PROCESS_MODE_BACKGROUND_BEGIN)
}
