// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	mac := []string{"darwin"}
	register(Collector{Name: "routes", On: mac, Essential: true, Collect: collectMacRoutes})
	register(Collector{Name: "dns_servers", On: mac, Essential: true, Collect: collectMacDNSServers})
}

// leaseFolder has one property list per interface whose address is leased, with the last lease.
const leaseFolder = "var/db/dhcpclient/leases"

// collectMacRoutes lists the routers of IPv4 that configuration or a lease named for the interfaces that have an address
// of theirs now. Routes that somebody added by hand are gone with the next start, and are not looked for; routers of IPv6
// announce themselves.
//
// Source: preferences.plist of SystemConfiguration, ipconfig(8).
func collectMacRoutes(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	interfaces, err := h.Interfaces()
	if err != nil {
		return err
	}
	present := map[string]bool{}
	for _, i := range interfaces {
		for _, a := range i.Addresses {
			present[i.Name+" "+a.Prefix.Addr().Unmap().String()] = true
		}
	}
	var refused gap
	for _, s := range macServices(h) {
		ip := s.settings.Dict("IPv4")
		router, address := ip.Text("Router"), ip.First("Addresses")
		if ip.Text("ConfigMethod") == "DHCP" {
			name := leaseFolder + "/" + s.device + ".plist"
			lease, err := readDict(h, name)
			if err := refused.allow(name, err); err != nil {
				return err
			}
			router, address = lease.Text("RouterIPAddress"), lease.Text("IPAddress")
		}
		gateway, err := netip.ParseAddr(router)
		if err != nil || !present[s.device+" "+address] {
			continue
		}
		snap.Routes = append(snap.Routes, &inventoryv1.Route{
			Destination: proto.String("0.0.0.0/0"), Gateway: fact(gateway.String()), Interface: fact(s.device),
		})
	}
	return refused.err()
}

// collectMacDNSServers lists the resolvers of the primary service, as programs find them.
//
// Source: resolver(5); the file is written by configd(8).
func collectMacDNSServers(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	text := cmp.Or(peek(h, "var/run/resolv.conf"), peek(h, "etc/resolv.conf"))
	var search []string
	var servers []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2 || strings.HasPrefix(fields[0], "#"):
		case fields[0] == "nameserver":
			servers = append(servers, fields[1])
		case fields[0] == "search" || fields[0] == "domain" && search == nil:
			search = fields[1:]
		}
	}
	for i, s := range servers {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			continue
		}
		row := &inventoryv1.DNSServer{Address: fact(addr.WithZone("").String()), Position: count(i + 1), Interface: fact(addr.Zone())}
		for _, domain := range search {
			row.Search = append(row.Search, clean(domain))
		}
		snap.DnsServers = append(snap.DnsServers, row)
	}
	return nil
}
