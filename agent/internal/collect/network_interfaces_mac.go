// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// macInterfaces is where the system remembers the interfaces that it has seen.
const macInterfaces = "Library/Preferences/SystemConfiguration/NetworkInterfaces.plist"

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "network_interfaces", On: []string{"darwin"}, Essential: true, Collect: collectMacInterfaces})
}

// passingInterfaces make themselves a new MAC whenever they come up: AirDrop's and its kin.
var passingInterfaces = []string{"awdl", "llw", "anpi", "ap"}

// macLink is what the settings say about an interface.
type macLink struct {
	kind, description string
	dhcp              *bool
}

// collectMacInterfaces lists the addresses of all interfaces that have a MAC, one row each, and one row for hardware
// without address. Temporary addresses of IPv6 change every day and are left out.
//
// Source: getifaddrs(3); NetworkInterfaces.plist and preferences.plist of SystemConfiguration.
func collectMacInterfaces(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	interfaces, err := h.Interfaces()
	if err != nil {
		return err
	}
	links := macLinks(h)
	for _, i := range interfaces {
		if i.Loopback || strings.Trim(i.MAC, "0:") == "" || len(i.MAC) > 23 || passing(i.Name) {
			continue
		}
		link, known := links[i.Name]
		rows := macAddressRows(i, link, known)
		if len(rows) == 0 && known {
			rows = append(rows, macInterfaceRow(i, link))
		}
		snap.NetworkInterfaces = append(snap.NetworkInterfaces, rows...)
	}
	return nil
}

// passing tells whether an interface is one that makes itself a MAC.
func passing(name string) bool {
	for _, p := range passingInterfaces {
		if rest, ok := strings.CutPrefix(name, p); ok && number(rest) != nil {
			return true
		}
	}
	return false
}

// macAddressRows makes a row for each lasting address. An interface that the settings do not know counts only if it has
// an address of a network: all have one of their link.
func macAddressRows(i host.Interface, link macLink, known bool) []*inventoryv1.NetworkInterface {
	var rows []*inventoryv1.NetworkInterface
	for _, a := range i.Addresses {
		if a.Temporary || !a.Prefix.IsValid() {
			continue
		}
		addr := a.Prefix.Addr().Unmap().WithZone("")
		known = known || !addr.IsLinkLocalUnicast()
		row := macInterfaceRow(i, link)
		row.Address, row.Mask = fact(addr.String()), fact(maskOf(netip.PrefixFrom(addr, a.Prefix.Bits())))
		if a.Broadcast.IsValid() {
			row.Broadcast = fact(a.Broadcast.String())
		}
		if addr.Is4() && link.dhcp != nil {
			row.Dhcp = link.dhcp
		}
		rows = append(rows, row)
	}
	if !known {
		return nil
	}
	return rows
}

// macInterfaceRow describes the interface without an address.
func macInterfaceRow(i host.Interface, link macLink) *inventoryv1.NetworkInterface {
	return &inventoryv1.NetworkInterface{
		Interface: fact(i.Name), Mac: fact(strings.ToLower(i.MAC)), Mtu: count(i.MTU),
		Type: fact(link.kind), Description: fact(link.description),
	}
}

// macLinkTypes are our words for the types of interfaces.
var macLinkTypes = map[string]string{
	"Ethernet": "ethernet", "IEEE80211": "wireless", "Bridge": "bridge", "Bond": "bond", "VLAN": "vlan", "IPSec": "tunnel", "PPP": "tunnel",
}

// macLinks reads the settings; what is missing there is not known.
func macLinks(h host.Host) map[string]macLink {
	links := map[string]macLink{}
	for _, i := range peekDict(h, macInterfaces).Dicts("Interfaces") {
		links[i.Text("BSD Name")] = macLink{
			kind:        macLinkTypes[i.Text("SCNetworkInterfaceType")],
			description: i.Dict("SCNetworkInterfaceInfo").Text("UserDefinedName"),
		}
	}
	for _, s := range macServices(h) {
		link, known := links[s.device]
		if method := s.settings.Dict("IPv4").Text("ConfigMethod"); known && method != "" {
			link.dhcp = proto.Bool(method == "DHCP" || method == "BOOTP")
			links[s.device] = link
		}
	}
	return links
}

// macService is the configuration of one interface.
type macService struct {
	device   string
	settings plist.Dict
}

// macServices returns the services of the set of settings that is in use, in the order in which the system tries them.
func macServices(h host.Host) []macService {
	preferences := peekDict(h, macPreferences)
	all := preferences.Dict("NetworkServices")
	set := preferences.Dict("Sets").Dict(strings.TrimPrefix(preferences.Text("CurrentSet"), "/Sets/"))
	network := set.Dict("Network")
	var services []macService
	for _, id := range network.Dict("Global").Dict("IPv4").Strings("ServiceOrder") {
		service := all.Dict(id)
		if device := service.Dict("Interface").Text("DeviceName"); device != "" && !network.Dict("Service").Dict(id).Is("__INACTIVE__") && !service.Is("__INACTIVE__") {
			services = append(services, macService{device: device, settings: service})
		}
	}
	return services
}
