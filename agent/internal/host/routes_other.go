// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package host

// Routes implements Host.
func (m *Machine) Routes() ([]Route, error) { return nil, nil }
