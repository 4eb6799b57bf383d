// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package host

import "context"

// Registry implements Host.
func (m *Machine) Registry() Registry { return nil }

// Drives implements Host.
func (m *Machine) Drives(context.Context) ([]Drive, error) { return nil, nil }

// Volumes implements Host.
func (m *Machine) Volumes(context.Context) ([]Volume, error) { return nil, nil }

// ServiceStates implements Host.
func (m *Machine) ServiceStates(context.Context) (map[string]bool, error) { return nil, nil }

// Accounts implements Host.
func (m *Machine) Accounts(context.Context) ([]Account, []AccountGroup, error) { return nil, nil, nil }

// Devices implements Host.
func (m *Machine) Devices() ([]string, error) { return nil, nil }
