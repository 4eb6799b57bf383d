// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
)

// Registry implements Host.
func (m *Machine) Registry() Registry { return nil }

// Drives implements Host.
func (m *Machine) Drives(context.Context) ([]Drive, error) { return nil, errors.ErrUnsupported }

// Volumes implements Host.
func (m *Machine) Volumes(context.Context) ([]Volume, error) { return nil, errors.ErrUnsupported }

// ServiceStates implements Host.
func (m *Machine) ServiceStates(context.Context) (map[string]bool, error) {
	return nil, errors.ErrUnsupported
}

// SMBIOS implements Host.
func (m *Machine) SMBIOS() ([]byte, error) { return nil, errors.ErrUnsupported }
