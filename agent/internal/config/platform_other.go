// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package config

// ofPlatform are the verbs that only this platform has.
type ofPlatform struct{} //nolint:unused // embedded

// programData is where programs of Windows keep what is the machine's; there is no such place here.
func programData(func(string) string) string { return "" }
