// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !windows

package host

import (
	"fmt"
	"net"
	"net/netip"
)

// Interfaces implements Host with what package net knows, and what addressOf of the system adds to it.
func (m *Machine) Interfaces() ([]Interface, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	found := make([]Interface, 0, len(links))
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			return nil, fmt.Errorf("addresses of %s: %w", l.Name, err)
		}
		i := Interface{Name: l.Name, MAC: l.HardwareAddr.String(), MTU: l.MTU, Loopback: l.Flags&net.FlagLoopback != 0}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil { // others are of another family
				i.Addresses = append(i.Addresses, addressOf(l, p))
			}
		}
		found = append(found, i)
	}
	return found, nil
}
