// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"net/netip"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestRoutesAreThoseOfConfiguration(t *testing.T) {
	t.Parallel()
	const bird, babel = 12, 42
	line := func(to, gateway, name, kind string, protocol uint8) host.Route {
		r := host.Route{Destination: netip.MustParsePrefix(to), Interface: name, Type: kind, Protocol: protocol}
		if gateway != "" {
			r.Gateway = netip.MustParseAddr(gateway)
		}
		return r
	}
	connected := line("192.0.2.0/24", "", "eth0", "unicast", routeByKernel)
	connected.Source, connected.Metric = netip.MustParseAddr("192.0.2.2"), 100
	m := &hosttest.Machine{Table: []host.Route{
		line("0.0.0.0/0", "192.0.2.1", "eth0", "unicast", routeByDHCP), connected,
		line("10.0.0.0/8", "", "", "blackhole", routeByStatic),
		line("203.0.113.0/24", "192.0.2.9", "eth0", "unicast", bird),
		line("203.0.113.0/24", "192.0.2.9", "eth0", "unicast", babel),
		line("198.51.100.7/32", "192.0.2.3", "eth0", "unicast", routeByRedirect),
		line("10.244.0.5/32", "", "veth12ab", "unicast", 3),
		line("224.0.0.0/4", "", "eth0", "unicast", 3),
		line("::/0", "fe80::1", "eth0", "unicast", routeByRouter),
		line("2001:db8::/64", "", "eth0", "unicast", routeByRouter),
		line("fe80::/64", "", "eth0", "unicast", routeByKernel),
		line("::/0", "", "lo", "unreachable", routeByKernel),
		line("::1/128", "", "lo", "unicast", routeByKernel),
	}}
	snap, err := gather(t, "routes", m)
	want := "{destination:0.0.0.0/0,gateway:192.0.2.1,interface:eth0,type:unicast}\n" +
		"{destination:192.0.2.0/24,interface:eth0,metric:100,source:192.0.2.2,type:unicast}\n" +
		"{destination:10.0.0.0/8,type:blackhole}\n" +
		"{destination:::/0,gateway:fe80::1,interface:eth0,type:unicast}"
	if got := show(snap.Routes...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestDNSServers(t *testing.T) {
	t.Parallel()
	resolved := fstest.MapFS{
		"etc/resolv.conf":                 text("# stub\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n"),
		"run/systemd/resolve/resolv.conf": text("nameserver 192.0.2.53\nnameserver fe80::1%eth1\nsearch example.org corp.example.org\n"),
		"run/systemd/netif/links/2":       text("DNS=192.0.2.53 192.0.2.54\n"),
		"sys/class/net/eth0/ifindex":      text("2\n"),
	}
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{
			"resolv.conf",
			fstest.MapFS{"etc/resolv.conf": text("domain a.example\nsearch b.example c.example\nnameserver 192.0.2.1\n; nameserver 192.0.2.3\nnameserver no address\nnameserver 2001:db8::1\n")},
			"{address:192.0.2.1,position:1,search:[b.example,c.example]}\n{address:2001:db8::1,position:2,search:[b.example,c.example]}",
		},
		{
			"behind systemd-resolved", resolved,
			"{address:192.0.2.53,interface:eth0,position:1,search:[example.org,corp.example.org]}\n" +
				"{address:fe80::1,interface:eth1,position:2,search:[example.org,corp.example.org]}",
		},
		{"a resolver of its own", fstest.MapFS{"etc/resolv.conf": text("nameserver 127.0.0.1\n")}, "{address:127.0.0.1,position:1}"},
		{"two interfaces with one server", with(resolved, fstest.MapFS{
			"run/systemd/resolve/resolv.conf": text("nameserver 192.0.2.53\n"),
			"run/systemd/netif/links/3":       text("DNS=192.0.2.53\n"), "sys/class/net/wlan0/ifindex": text("3\n"),
		}), "{address:192.0.2.53,position:1}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, "dns_servers", &hosttest.Machine{Files: tt.files})
			if got := show(snap.DnsServers...); err != nil || got != tt.want {
				t.Errorf("got\n%s, %v\nwant\n%s", got, err, tt.want)
			}
		})
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver fe80::1%eth1\nsearch a b\n; x\n")
	f.Fuzz(func(_ *testing.T, text string) { parseResolvConf(text) })
}
