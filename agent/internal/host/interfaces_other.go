// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin && !windows

package host

import (
	"net"
	"net/netip"
)

// addressOf has nothing to add: no broadcast, no life time.
func addressOf(_ net.Interface, p netip.Prefix) Address { return Address{Prefix: p} }
