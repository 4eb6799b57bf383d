// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Interfaces implements Host over rtnetlink: links through package net, addresses ourselves, because package net
// tells neither broadcast nor life time.
func (m *Machine) Interfaces() ([]Interface, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	rib, err := syscall.NetlinkRIB(unix.RTM_GETADDR, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	addresses, err := parseAddresses(rib)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	found := make([]Interface, 0, len(links))
	for _, l := range links {
		found = append(found, Interface{
			Name: l.Name, MAC: l.HardwareAddr.String(), MTU: l.MTU,
			Loopback: l.Flags&net.FlagLoopback != 0, Addresses: addresses[l.Index],
		})
	}
	return found, nil
}

// parseAddresses reads an answer to RTM_GETADDR into addresses by interface index.
func parseAddresses(rib []byte) (map[int][]Address, error) {
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, err
	}
	byIndex := map[int][]Address{}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return nil, err
		}
		index := int(binary.NativeEndian.Uint32(m.Data[4:8]))
		if a, ok := addressOf(m.Data[0], int(m.Data[1]), uint32(m.Data[2]), attrs); ok {
			byIndex[index] = append(byIndex[index], a)
		}
	}
	return byIndex, nil
}

// addressOf makes an address from one message of family, prefix length, flags and attributes.
// IFA_LOCAL wins over IFA_ADDRESS, which is the far end on a point-to-point link.
func addressOf(family uint8, bits int, flags uint32, attrs []syscall.NetlinkRouteAttr) (Address, bool) {
	var a Address
	var local, address netip.Addr
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(attr.Value) // a wrong length leaves the invalid address, checked below
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(attr.Value)
		case unix.IFA_BROADCAST:
			a.Broadcast, _ = netip.AddrFromSlice(attr.Value)
		case unix.IFA_FLAGS:
			if len(attr.Value) >= 4 {
				flags = binary.NativeEndian.Uint32(attr.Value)
			}
		}
	}
	if !local.IsValid() {
		local = address
	}
	if !local.IsValid() {
		return Address{}, false
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	a.Temporary = family == unix.AF_INET6 && flags&unix.IFA_F_TEMPORARY != 0
	a.Leased = flags&unix.IFA_F_PERMANENT == 0
	return a, true
}
