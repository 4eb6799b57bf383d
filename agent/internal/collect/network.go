// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"net"
	"net/netip"
)

// maskOf spells a prefix length as an address: 255.255.240.0.
func maskOf(p netip.Prefix) string {
	mask, ok := netip.AddrFromSlice(net.CIDRMask(p.Bits(), p.Addr().BitLen()))
	if !ok {
		return ""
	}
	return mask.String()
}
