// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "network_interfaces", Essential: true, Collect: collectNetworkInterfaces})
}

// collectNetworkInterfaces lists the addresses of all interfaces that have a MAC, one row each, and one row for an
// interface without address. Left out are the loopback, virtual interfaces without an address (the ends of containers'
// cables and unused devices come and go), and the temporary addresses of IPv6, which change every few hours.
//
// Source: rtnetlink(7); /sys/class/net for what the interface is.
func collectNetworkInterfaces(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	interfaces, err := h.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Loopback || strings.Trim(i.MAC, "0:") == "" || len(i.MAC) > 23 {
			continue
		}
		rows := addressRows(h, i)
		if len(rows) == 0 && exists(h, "sys/class/net/"+i.Name+"/device") {
			rows = append(rows, interfaceRow(h, i))
		}
		snap.NetworkInterfaces = append(snap.NetworkInterfaces, rows...)
	}
	return nil
}

// addressRows makes a row for each lasting address.
func addressRows(h host.Host, i host.Interface) []*inventoryv1.NetworkInterface {
	var rows []*inventoryv1.NetworkInterface
	for _, a := range i.Addresses {
		if a.Temporary || !a.Prefix.IsValid() {
			continue
		}
		row := interfaceRow(h, i)
		row.Address = fact(a.Prefix.Addr().Unmap().WithZone("").String())
		row.Mask = fact(maskOf(a.Prefix))
		if a.Broadcast.IsValid() {
			row.Broadcast = fact(a.Broadcast.String())
		}
		if addr := a.Prefix.Addr().Unmap(); addr.Is4() {
			row.Dhcp = proto.Bool(a.Leased || leased(h, i, addr))
		}
		rows = append(rows, row)
	}
	return rows
}

// interfaceRow describes the interface without an address.
func interfaceRow(h host.Host, i host.Interface) *inventoryv1.NetworkInterface {
	folder := "sys/class/net/" + i.Name
	kind := linkType(h, folder)
	row := &inventoryv1.NetworkInterface{
		Interface: fact(i.Name), Mac: fact(strings.ToLower(i.MAC)), Type: fact(kind), Mtu: count(i.MTU),
	}
	if driver := devicePath(h, folder+"/device/driver"); !strings.HasPrefix(driver, folder) {
		row.Driver = fact(path.Base(driver))
	}
	if kind != "wireless" {
		if speed := number(peek(h, folder+"/speed")); speed != nil && *speed > 0 && *speed < 1<<31-1 {
			row.SpeedMbps = speed
		}
		if duplex := peek(h, folder+"/duplex"); duplex == "full" || duplex == "half" {
			row.Duplex = fact(duplex)
		}
	}
	return row
}

// tunnelTypes are the types of the ends of tunnels: IP in IP, IPv6 in IPv6, IPv6 in IPv4, GRE, GRE over IPv6.
//
// Source: include/uapi/linux/if_arp.h in the Linux kernel.
var tunnelTypes = map[string]bool{"768": true, "769": true, "776": true, "778": true, "823": true}

// linkType tells what kind of interface it is. ARPHRD_ETHER (1) is the type of most virtual ones too.
func linkType(h host.Host, folder string) string {
	switch kind := parseAssignments(peek(h, folder+"/uevent"))["DEVTYPE"]; {
	case kind == "wlan" || exists(h, folder+"/wireless"):
		return "wireless"
	case kind == "bridge" || kind == "bond" || kind == "vlan":
		return kind
	case exists(h, folder+"/bridge"): // DEVTYPE is missing for what was made by older tools
		return "bridge"
	case exists(h, folder+"/bonding"):
		return "bond"
	case exists(h, folder+"/tun_flags") || kind == "wireguard" || kind == "vxlan" || kind == "geneve" || tunnelTypes[peek(h, folder+"/type")]:
		return "tunnel"
	}
	if peek(h, folder+"/type") == "1" && exists(h, folder+"/device") {
		return "ethernet"
	}
	return ""
}
