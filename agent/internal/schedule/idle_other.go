// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package schedule

// forgetProgram leaves to the system what of the program it keeps in memory.
func forgetProgram() {}
