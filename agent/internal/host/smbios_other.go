// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !windows

package host

import "io/fs"

// SMBIOS implements Host.
func (m *Machine) SMBIOS() ([]byte, error) { return nil, fs.ErrNotExist }
