// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Origin returns the address of the client that sent a request, as trusted proxies tell it; the zero Addr when there is none.
func Origin(r *http.Request, trusted []netip.Prefix) netip.Addr {
	address, _ := origin(r.RemoteAddr, r.Header, trusted)
	return addressOf(address)
}

// origin returns where a call comes from: the peer of its connection, or what a trusted proxy says. Of the addresses in
// X-Forwarded-For the last one counts that is no trusted proxy's; those before it are what that caller claims. proxied
// tells whether anybody has forwarded the call, trusted or not.
func origin(peer string, header http.Header, trusted []netip.Prefix) (address string, proxied bool) {
	forwarded := header.Values("X-Forwarded-For")
	proxied = len(forwarded) > 0 || header.Get("Forwarded") != "" || header.Get("Via") != ""
	if len(forwarded) == 0 || !among(addressOf(peer), trusted) {
		return peer, proxied
	}
	address = peer
	for _, hop := range slices.Backward(strings.Split(strings.Join(forwarded, ","), ",")) {
		ip := addressOf(strings.TrimSpace(hop))
		if !ip.IsValid() {
			break // what is not an address was not written by a proxy of ours
		}
		address = net.JoinHostPort(ip.String(), "0")
		if !among(ip, trusted) {
			break
		}
	}
	return address, proxied
}

// addressOf reads an address with or without a port; the zero Addr stands for none. An IPv4 address inside IPv6 is
// unpacked, a zone dropped.
func addressOf(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap().WithZone("")
}

func among(ip netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}
