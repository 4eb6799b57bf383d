// SPDX-License-Identifier: Apache-2.0

//go:build !darwin

package host

import (
	"context"
	"io/fs"
)

// Sysctl implements Host.
func (m *Machine) Sysctl(string) (string, error) { return "", fs.ErrNotExist }

// Output implements Host.
func (m *Machine) Output(context.Context, Program) ([]byte, error) { return nil, fs.ErrNotExist }
