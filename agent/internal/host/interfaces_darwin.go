// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// addressOf describes an address of a link. Its life time is known to configd alone.
func addressOf(link net.Interface, p netip.Prefix) Address {
	address := Address{Prefix: p, Temporary: temporary(link.Name, p.Addr())}
	if link.Flags&net.FlagBroadcast != 0 {
		address.Broadcast = broadcastOf(p)
	}
	return address
}

// flagsRequest is struct in6_ifreq of netinet6/in6_var.h, whose union takes 272 bytes.
type flagsRequest struct {
	name  [16]byte
	value [272]byte
}

// From netinet6/in6_var.h.
const (
	siocgifaflagIn6   = 0xc1206949
	in6IffTemporary   = 0x80
	sizeofSockaddrIn6 = 28
)

// temporary asks the kernel whether an address of IPv6 is one of those that change every day; false where it does not say.
func temporary(name string, addr netip.Addr) bool {
	if !addr.Is6() || addr.Is4In6() || len(name) >= 16 {
		return false
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var r flagsRequest
	copy(r.name[:], name)
	r.value[0], r.value[1] = sizeofSockaddrIn6, unix.AF_INET6
	bytes := addr.As16()
	copy(r.value[8:], bytes[:])
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), siocgifaflagIn6, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return false
	}
	return binary.LittleEndian.Uint32(r.value[:])&in6IffTemporary != 0
}

// broadcastOf returns the last address of a network of IPv4, the zero Addr for any other.
func broadcastOf(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}
	}
	last := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(last)
}
