// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Routes implements Host over rtnetlink(7).
func (m *Machine) Routes() ([]Route, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := make(map[uint32]string, len(links))
	for _, l := range links {
		names[uint32(l.Index)] = l.Name
	}
	rib, err := syscall.NetlinkRIB(unix.RTM_GETROUTE, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	routes, err := parseRoutes(rib, names)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return routes, nil
}

// routeTypes are the kernel's names of types.
//
// Source: rtnetlink(7).
var routeTypes = map[uint8]string{
	unix.RTN_UNICAST: "unicast", unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast",
	unix.RTN_MULTICAST: "multicast", unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable",
	unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw", unix.RTN_NAT: "nat",
}

// Offsets in struct rtmsg, and the lengths of a next hop's head and of an attribute's.
const (
	rtmFamily, rtmDstLen, rtmTable, rtmProtocol, rtmType, rtmFlags = 0, 1, 4, 5, 7, 8

	nextHopHead   = 8
	attributeHead = 4
	attributeType = 0x3fff // without the flags of netlink(7): nested, in network order
)

// parseRoutes reads an answer to RTM_GETROUTE. Other tables than the main one and entries of a cache are left out.
func parseRoutes(rib []byte, names map[uint32]string) ([]Route, error) {
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, err
	}
	var routes []Route
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg {
			continue
		}
		attrs := attributesOf(m.Data[unix.SizeofRtMsg:])
		table := uint32(m.Data[rtmTable])
		if raw := attrs[unix.RTA_TABLE]; len(raw) >= 4 {
			table = binary.NativeEndian.Uint32(raw)
		}
		if table != unix.RT_TABLE_MAIN || binary.NativeEndian.Uint32(m.Data[rtmFlags:])&unix.RTM_F_CLONED != 0 {
			continue
		}
		r, ok := routeOf(m.Data, attrs)
		if !ok {
			continue
		}
		routes = append(routes, nextHops(r, attrs, names)...)
	}
	return routes, nil
}

// routeOf reads what all next hops of a line have in common.
func routeOf(message []byte, attrs map[uint16][]byte) (Route, bool) {
	r := Route{Type: routeTypes[message[rtmType]], Protocol: message[rtmProtocol]}
	if r.Type == "" {
		r.Type = strconv.Itoa(int(message[rtmType]))
	}
	destination, ok := netip.AddrFromSlice(attrs[unix.RTA_DST])
	switch {
	case ok:
	case message[rtmFamily] == unix.AF_INET:
		destination = netip.IPv4Unspecified()
	case message[rtmFamily] == unix.AF_INET6:
		destination = netip.IPv6Unspecified()
	default:
		return Route{}, false
	}
	r.Destination = netip.PrefixFrom(destination, int(message[rtmDstLen]))
	if raw := attrs[unix.RTA_PRIORITY]; len(raw) >= 4 {
		r.Metric = binary.NativeEndian.Uint32(raw)
	}
	r.Source, _ = netip.AddrFromSlice(attrs[unix.RTA_PREFSRC]) // the invalid address where there is none
	return r, r.Destination.IsValid()
}

// nextHops makes a route of each next hop; one where the line itself is the only one.
func nextHops(r Route, attrs map[uint16][]byte, names map[uint32]string) []Route {
	hops, several := attrs[unix.RTA_MULTIPATH]
	if !several {
		r.Gateway = gatewayOf(attrs)
		if raw := attrs[unix.RTA_OIF]; len(raw) >= 4 {
			r.Interface = names[binary.NativeEndian.Uint32(raw)]
		}
		return []Route{r}
	}
	var routes []Route
	for len(hops) >= nextHopHead {
		length := int(binary.NativeEndian.Uint16(hops))
		if length < nextHopHead || length > len(hops) {
			break
		}
		r.Interface = names[binary.NativeEndian.Uint32(hops[4:])]
		r.Gateway = gatewayOf(attributesOf(hops[nextHopHead:length]))
		routes = append(routes, r)
		hops = hops[min(len(hops), align(length)):]
	}
	return routes
}

// gatewayOf returns the gateway, which may be of the other family.
func gatewayOf(attrs map[uint16][]byte) netip.Addr {
	raw := attrs[unix.RTA_GATEWAY]
	if via := attrs[unix.RTA_VIA]; raw == nil && len(via) > 2 {
		raw = via[2:]
	}
	gateway, _ := netip.AddrFromSlice(raw) // the invalid address where there is none
	return gateway
}

// attributesOf reads attributes of length, type and value; a broken one ends the list.
func attributesOf(raw []byte) map[uint16][]byte {
	attrs := map[uint16][]byte{}
	for len(raw) >= attributeHead {
		length := int(binary.NativeEndian.Uint16(raw))
		if length < attributeHead || length > len(raw) {
			break
		}
		attrs[binary.NativeEndian.Uint16(raw[2:])&attributeType] = raw[attributeHead:length]
		raw = raw[min(len(raw), align(length)):]
	}
	return attrs
}

// align rounds up to the four bytes that netlink puts everything at.
func align(n int) int { return (n + 3) &^ 3 }
