// SPDX-License-Identifier: Apache-2.0

package config

import "golang.org/x/sys/windows"

// ofPlatform are the verbs that only this platform has.
type ofPlatform struct {
	Service Service `cmd:"" help:"Be a Windows service."`
}

// Service is the verb service.
type Service struct {
	Install   struct{} `cmd:"" help:"Register this program as a service that starts with the system."`
	Uninstall struct{} `cmd:"" help:"Stop and remove the service."`
	Run       Run      `cmd:"" help:"What the service manager starts."`
}

// programData is where programs keep what is the machine's. The variable comes second: a service may have another one
// than whoever enrols.
func programData(getenv func(string) string) string {
	if dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0); err == nil {
		return dir
	}
	return getenv("ProgramData")
}
