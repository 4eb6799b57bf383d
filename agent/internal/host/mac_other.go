// SPDX-License-Identifier: Apache-2.0

//go:build !darwin

package host

import (
	"context"
	"io/fs"
)

// Sysctl implements Host.
func (m *Machine) Sysctl(string) (string, error) { return "", fs.ErrNotExist }

// output knows no programs: other systems have none that are needed.
func output(context.Context, Program) ([]byte, error) { return nil, fs.ErrNotExist }
