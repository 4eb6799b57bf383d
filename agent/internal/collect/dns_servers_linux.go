// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "dns_servers", Essential: true, Collect: collectDNSServers}) }

// behindStubs are the files in which a resolver on the machine itself keeps the servers that it asks, in the form of
// resolv.conf(5).
//
// Source: systemd-resolved.service(8), NetworkManager.conf(5).
var behindStubs = []string{"run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf"}

// collectDNSServers lists the resolvers of the network that the machine asks. Where resolv.conf names only a resolver on
// the machine itself, its servers are listed if it tells them, and else the resolver.
//
// Source: resolv.conf(5); the state of systemd-networkd for the interfaces.
func collectDNSServers(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := host.ReadFile(h.FS(), "etc/resolv.conf", smallFile)
	if err != nil {
		return absent(err)
	}
	r := parseResolvConf(string(raw))
	for _, name := range behindStubs {
		if !r.local() {
			break
		}
		if behind := parseResolvConf(peek(h, name)); len(behind.servers) > 0 {
			r = behind
		}
	}
	interfaces := linksOfServers(h)
	for i, server := range r.servers {
		row := &inventoryv1.DNSServer{Address: fact(server.WithZone("").String()), Position: proto.Int64(int64(i + 1)), Search: r.search}
		row.Interface = fact(firstOf(server.Zone(), interfaces[server.WithZone("")]))
		snap.DnsServers = append(snap.DnsServers, row)
	}
	return nil
}

// resolvConf is what resolv.conf(5) says.
type resolvConf struct {
	servers []netip.Addr
	search  []string
}

// local tells whether all servers are on the machine itself.
func (r resolvConf) local() bool {
	for _, s := range r.servers {
		if !s.IsLoopback() {
			return false
		}
	}
	return true
}

// parseResolvConf reads servers and search domains. Of several lines of domains the last one counts. A lone dot, by
// which systemd-resolved says that there are none, is no domain.
func parseResolvConf(text string) resolvConf {
	var r resolvConf
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") || strings.HasPrefix(fields[0], ";") {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil {
				r.servers = append(r.servers, a)
			}
		case "search", "domain":
			r.search = nil
			for _, domain := range fields[1:] {
				if domain != "." {
					r.search = append(r.search, clean(domain))
				}
			}
		}
	}
	return r
}

// linksOfServers tells for which interface systemd-networkd has a server. A server of several interfaces has none.
func linksOfServers(h host.Host) map[netip.Addr]string {
	const links = "run/systemd/netif/links"
	entries, err := fs.ReadDir(h.FS(), links)
	if err != nil {
		return nil
	}
	names := linkNames(h)
	found := map[netip.Addr]string{}
	for _, e := range entries {
		name := names[e.Name()]
		for server := range strings.FieldsSeq(parseAssignments(peek(h, links+"/"+e.Name()))["DNS"]) {
			a, err := netip.ParseAddr(server)
			if err != nil || name == "" {
				continue
			}
			if other, seen := found[a]; seen && other != name {
				found[a] = ""
				continue
			}
			found[a] = name
		}
	}
	return found
}

// linkNames returns the names of the network interfaces by number.
func linkNames(h host.Host) map[string]string {
	entries, err := fs.ReadDir(h.FS(), "sys/class/net")
	if err != nil {
		return nil
	}
	names := map[string]string{}
	for _, e := range entries {
		if index := peek(h, "sys/class/net/"+e.Name()+"/ifindex"); index != "" {
			names[index] = e.Name()
		}
	}
	return names
}
