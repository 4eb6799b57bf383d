// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// maxAdapters bounds the table of adapters in bytes.
const maxAdapters = 4 << 20

// Types of interfaces.
//
// Source: ipifcons.h.
const (
	ifLoopback  = 24
	ifEthernet  = 6
	ifPPP       = 23
	ifWireless  = 71
	ifTunnel    = 131
	ifVirtual   = 53
	unknownRate = 1<<64 - 1
)

// Interfaces implements Host.
//
// Source: GetAdaptersAddresses in Microsoft's documentation.
func (m *Machine) Interfaces() ([]Interface, error) {
	table, err := adapters()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var found []Interface
	for a := table; a != nil; a = a.Next {
		i := Interface{
			Name: windows.UTF16PtrToString(a.FriendlyName), ID: windows.BytePtrToString(a.AdapterName),
			Description: windows.UTF16PtrToString(a.Description), Type: interfaceType(a.IfType),
			Loopback: a.IfType == ifLoopback,
		}
		if n := min(int(a.PhysicalAddressLength), len(a.PhysicalAddress)); n > 0 {
			i.MAC = net.HardwareAddr(a.PhysicalAddress[:n]).String()
		}
		if a.Mtu != unknownMTU {
			i.MTU = int(a.Mtu)
		}
		if a.TransmitLinkSpeed != unknownRate {
			i.SpeedMbps = int64(a.TransmitLinkSpeed / 1_000_000)
		}
		for u := a.FirstUnicastAddress; u != nil; u = u.Next {
			if address, ok := unicast(u); ok {
				i.Addresses = append(i.Addresses, address)
			}
		}
		found = append(found, i)
	}
	return found, nil
}

// unknownMTU is what the loopback has.
const unknownMTU = 1<<32 - 1

// adapters asks for the table until it fits.
func adapters() (*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER
	size := uint32(16 << 10)
	for size <= maxAdapters {
		buf := make([]uint64, size/8+1) // aligned for the structures in it
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch {
		case err == nil:
			return first, nil
		case errors.Is(err, windows.ERROR_NO_DATA):
			return nil, nil
		case !errors.Is(err, windows.ERROR_BUFFER_OVERFLOW):
			return nil, os.NewSyscallError("GetAdaptersAddresses", err)
		}
	}
	return nil, ErrTooLarge
}

// unicast makes an address of the table's; false for what is no address.
func unicast(u *windows.IpAdapterUnicastAddress) (Address, bool) {
	addr, ok := netip.AddrFromSlice(u.Address.IP())
	if !ok {
		return Address{}, false
	}
	addr = addr.Unmap()
	a := Address{
		Prefix:    netip.PrefixFrom(addr, int(u.OnLinkPrefixLength)),
		Leased:    u.PrefixOrigin == windows.IpPrefixOriginDhcp,
		Temporary: addr.Is6() && u.SuffixOrigin == windows.IpSuffixOriginRandom,
	}
	if addr.Is4() {
		a.Broadcast = broadcast(a.Prefix)
	}
	return a, a.Prefix.IsValid()
}

// broadcast is the last address of an IPv4 network; none for networks of one or two addresses.
func broadcast(p netip.Prefix) netip.Addr {
	if p.Bits() < 1 || p.Bits() > 30 {
		return netip.Addr{}
	}
	raw, mask := p.Addr().As4(), net.CIDRMask(p.Bits(), 32)
	for i := range raw {
		raw[i] |= ^mask[i]
	}
	return netip.AddrFrom4(raw)
}

// interfaceType names the types that an inventory tells apart.
func interfaceType(kind uint32) string {
	switch kind {
	case ifEthernet:
		return "ethernet"
	case ifWireless:
		return "wireless"
	case ifPPP, ifTunnel, ifVirtual:
		return "tunnel"
	}
	return ""
}
