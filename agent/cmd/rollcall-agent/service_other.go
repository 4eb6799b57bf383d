// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package main

import (
	"context"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
)

// ofPlatform returns the chosen verb where only this platform has it.
func ofPlatform(*config.CLI) (func(context.Context, terminal) error, bool) { return nil, false }
