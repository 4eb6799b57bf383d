// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io/fs"
	"net/netip"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// leaseFolders are where clients of DHCP keep their leases: a folder, and what is written before the
// address. The leases of systemd-networkd are named by the interface's number.
//
// Source: dhclient.leases(5); the leases of NetworkManager and systemd-networkd have the same form, NAME=value.
var leaseFolders = []struct{ folder, before string }{
	{"run/systemd/netif/leases", "ADDRESS="},
	{"var/lib/NetworkManager", "ADDRESS="},
	{"var/lib/dhcp", "fixed-address "},
	{"var/lib/dhclient", "fixed-address "},
}

// leased tells whether a permanent address of an interface comes from DHCP all the same: not every client tells the
// kernel how long it may use an address. An old lease of another address does not count.
func leased(h host.Host, i host.Interface, addr netip.Addr) bool {
	if exists(h, "run/udhcpc."+i.Name+".pid") { // busybox keeps no leases
		return true
	}
	// What ipconfig of klibc did before the system started.
	early := parseAssignments(peek(h, "run/net-"+i.Name+".conf"))
	if early["PROTO"] == "dhcp" && early["IPV4ADDR"] == addr.String() {
		return true
	}
	index := peek(h, "sys/class/net/"+i.Name+"/ifindex")
	for _, l := range leaseFolders {
		entries, err := fs.ReadDir(h.FS(), l.folder)
		if err != nil {
			continue // no such client, or not for us to read: the kernel's flag decides
		}
		for _, e := range entries {
			if e.Name() != index && !strings.Contains(e.Name(), "lease") {
				continue
			}
			if hasLease(peek(h, l.folder+"/"+e.Name()), l.before+addr.String()) {
				return true
			}
		}
	}
	return false
}

// hasLease tells whether a line of a lease is the wanted one.
func hasLease(text, want string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimRight(strings.TrimSpace(line), ";") == want {
			return true
		}
	}
	return false
}
