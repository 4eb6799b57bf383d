// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "dns_servers", On: []string{"windows"}, Essential: true, Collect: collectWindowsDNS})
	register(Collector{Name: "routes", On: []string{"windows"}, Essential: true, Collect: collectWindowsRoutes})
}

// connection is one adapter that has settings of its own.
type connection struct {
	name   string
	guid   string
	v4, v6 regValues
}

// connections pairs the adapters that are there with their settings. The registry keeps those of adapters that were
// pulled out years ago.
func connections(h host.Host, r winRegistry) ([]connection, error) {
	interfaces, err := h.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []connection
	for _, i := range interfaces {
		if i.Loopback || i.ID == "" {
			continue
		}
		v4, v6 := r.peek(keyAdapterIP+i.ID), r.peek(keyAdapterIP6+i.ID)
		found = append(found, connection{name: i.Name, guid: i.ID, v4: v4, v6: v6})
	}
	return found, nil
}

// setting is a list of an adapter: what somebody wrote there goes before what DHCP brought.
func setting(v regValues, fixed, leased string) []string {
	for _, name := range []string{fixed, leased} {
		var list []string
		for _, text := range v.texts(name) {
			list = append(list, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })...)
		}
		if len(list) > 0 {
			return list[:min(len(list), maxResolverTexts)]
		}
	}
	return nil
}

// collectWindowsDNS lists the resolvers of each adapter in the order in which they are asked.
//
// Source: NameServer and DhcpNameServer of the adapters, SearchList and the adapters' domains.
func collectWindowsDNS(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	all, err := connections(h, r)
	if err != nil {
		return err
	}
	search := setting(r.peek(keyTCPIP), "SearchList", "")
	for _, c := range all {
		domains := search
		if len(domains) == 0 {
			domains = setting(c.v4, "Domain", "DhcpDomain")
		}
		position := 0
		servers := append(setting(c.v4, "NameServer", "DhcpNameServer"), setting(c.v6, "NameServer", "Dhcpv6DNSServers")...)
		for _, server := range servers {
			addr, err := netip.ParseAddr(server)
			if err != nil {
				continue
			}
			position++
			row := &inventoryv1.DNSServer{Address: fact(addr.Unmap().WithZone("").String()), Position: count(position), Interface: fact(c.name)}
			for _, d := range domains {
				row.Search = append(row.Search, clean(d))
			}
			snap.DnsServers = append(snap.DnsServers, row)
		}
	}
	return nil
}

// collectWindowsRoutes lists the default routes of the adapters and the routes that were made to last.
//
// Source: DefaultGateway and DhcpDefaultGateway of the adapters, PersistentRoutes.
func collectWindowsRoutes(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	all, err := connections(h, r)
	if err != nil {
		return err
	}
	for _, c := range all {
		gateways := setting(c.v4, "DefaultGateway", "DhcpDefaultGateway")
		for _, text := range gateways {
			gateway, err := netip.ParseAddr(text)
			if err != nil || gateway.IsUnspecified() {
				continue
			}
			snap.Routes = append(snap.Routes, &inventoryv1.Route{
				Destination: proto.String("0.0.0.0/0"), Gateway: fact(gateway.String()), Interface: fact(c.name),
			})
		}
	}
	v, err := r.values(keyTCPIP + `\PersistentRoutes`)
	if err != nil {
		return err
	}
	for name := range v {
		if row := persistentRoute(name); row != nil {
			snap.Routes = append(snap.Routes, row)
		}
	}
	slices.SortFunc(snap.Routes, func(a, b *inventoryv1.Route) int {
		return cmp.Or(strings.Compare(a.GetDestination(), b.GetDestination()), strings.Compare(a.GetGateway(), b.GetGateway()),
			strings.Compare(a.GetInterface(), b.GetInterface()))
	})
	return nil
}

// persistentRoute reads the name of a value: destination,mask,gateway,metric.
func persistentRoute(s string) *inventoryv1.Route {
	fields := strings.Split(s, ",")
	if len(fields) < 3 {
		return nil
	}
	to, err := netip.ParseAddr(fields[0])
	if err != nil || !to.Is4() {
		return nil
	}
	mask, err := netip.ParseAddr(fields[1])
	if err != nil || !mask.Is4() {
		return nil
	}
	raw := mask.As4()
	ones, bits := net.IPMask(raw[:]).Size()
	gateway, err := netip.ParseAddr(fields[2])
	if err != nil || bits != 32 {
		return nil
	}
	row := &inventoryv1.Route{
		Destination: fact(netip.PrefixFrom(to, ones).Masked().String()), Gateway: fact(gateway.String()),
	}
	if len(fields) > 3 {
		row.Metric = number(fields[3])
	}
	return row
}
