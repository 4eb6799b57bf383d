// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"net/netip"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestNetworkInterfacesAreOneRowPerAddress(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	m := &hosttest.Machine{
		Files: fstest.MapFS{
			"sys/class/net/ens5/device/driver": link("../../../bus/pci/drivers/ena"),
			"sys/class/net/ens5/type":          text("1\n"), "sys/class/net/ens5/speed": text("10000\n"),
			"sys/class/net/ens5/duplex": text("full\n"), "sys/class/net/eth1/duplex": text("unknown\n"), "sys/class/net/wlan0/duplex": text("full\n"),
			"sys/class/net/wlan0/wireless/x": text(""), "sys/class/net/wlan0/device/x": text(""), "sys/class/net/wlan0/speed": text("300\n"),
			"sys/class/net/eth1/device/x": text(""), "sys/class/net/eth1/type": text("1"), "sys/class/net/eth1/speed": text("-1\n"),
			"sys/class/net/docker0/uevent": text("DEVTYPE=bridge\nINTERFACE=docker0\n"),
		},
		NICs: []host.Interface{
			{Name: "lo", Loopback: true, MTU: 65536, Addresses: []host.Address{{Prefix: prefix("127.0.0.1/8")}}},
			{Name: "ens5", MAC: "0A:1b:2c:3d:4e:5f", MTU: 9001, Addresses: []host.Address{
				{Prefix: prefix("10.0.3.9/20"), Broadcast: netip.MustParseAddr("10.0.15.255"), Leased: true},
				{Prefix: prefix("10.0.3.10/20")}, // every address counts, not the last one only
				{Prefix: prefix("2001:db8::5/64"), Leased: true},
				{Prefix: prefix("2001:db8::aaaa/64"), Temporary: true},
			}},
			{Name: "wlan0", MAC: "02:00:00:00:00:01", MTU: 1500},
			{Name: "eth1", MAC: "02:00:00:00:00:02", MTU: 1500},
			{Name: "docker0", MAC: "02:42:00:00:00:03", Addresses: []host.Address{{Prefix: prefix("172.17.0.1/16")}}},
			{Name: "veth1a2b", MAC: "02:00:00:00:00:04", MTU: 1500},
			{Name: "tun0", MTU: 1500, Addresses: []host.Address{{Prefix: prefix("10.8.0.2/24")}}},
			{Name: "dummy0", MAC: "00:00:00:00:00:00", Addresses: []host.Address{{Prefix: prefix("10.9.0.2/24")}}},
		},
	}
	snap, err := gather(t, "network_interfaces", m)
	want := "{address:10.0.3.9,broadcast:10.0.15.255,dhcp:true,driver:ena,duplex:full,interface:ens5,mac:0a:1b:2c:3d:4e:5f,mask:255.255.240.0,mtu:9001,speed_mbps:10000,type:ethernet}\n" +
		"{address:10.0.3.10,dhcp:false,driver:ena,duplex:full,interface:ens5,mac:0a:1b:2c:3d:4e:5f,mask:255.255.240.0,mtu:9001,speed_mbps:10000,type:ethernet}\n" +
		"{address:2001:db8::5,driver:ena,duplex:full,interface:ens5,mac:0a:1b:2c:3d:4e:5f,mask:ffff:ffff:ffff:ffff::,mtu:9001,speed_mbps:10000,type:ethernet}\n" +
		"{interface:wlan0,mac:02:00:00:00:00:01,mtu:1500,type:wireless}\n" +
		"{interface:eth1,mac:02:00:00:00:00:02,mtu:1500,type:ethernet}\n" +
		"{address:172.17.0.1,dhcp:false,interface:docker0,mac:02:42:00:00:00:03,mask:255.255.0.0,type:bridge}"
	if got := show(snap.NetworkInterfaces...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestDHCPIsKnownByLeasesWhereTheKernelIsNotTold(t *testing.T) {
	t.Parallel()
	const dhclient = "lease {\n  interface \"eth0\";\n  fixed-address 10.0.0.8;\n}\nlease {\n  fixed-address 10.0.0.9;\n}\n"
	index := fstest.MapFS{"sys/class/net/eth0/ifindex": text("2\n")}
	tests := []struct {
		name  string
		files fstest.MapFS
		want  bool
	}{
		{"nobody knows", index, false},
		{"dhclient", fstest.MapFS{"var/lib/dhcp/dhclient.eth0.leases": text(dhclient)}, true},
		{"another address", fstest.MapFS{"var/lib/dhclient/dhclient.leases": text("lease {\n fixed-address 10.0.0.90;\n}\n")}, false},
		{"systemd-networkd", with(index, fstest.MapFS{"run/systemd/netif/leases/2": text("# private\nADDRESS=10.0.0.9\n")}), true},
		{"another interface", with(index, fstest.MapFS{"run/systemd/netif/leases/3": text("ADDRESS=10.0.0.9\n")}), false},
		{"NetworkManager", fstest.MapFS{"var/lib/NetworkManager/internal-1-eth0.lease": text("ADDRESS=10.0.0.9\n")}, true},
		{"busybox", fstest.MapFS{"run/udhcpc.eth0.pid": text("400\n")}, true},
		{"before the start", fstest.MapFS{"run/net-eth0.conf": text("DEVICE='eth0'\nPROTO='dhcp'\nIPV4ADDR='10.0.0.9'\n")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &hosttest.Machine{Files: tt.files, NICs: []host.Interface{{
				Name: "eth0", MAC: "02:00:00:00:00:01", Addresses: []host.Address{{Prefix: netip.MustParsePrefix("10.0.0.9/24")}},
			}}}
			snap, err := gather(t, "network_interfaces", m)
			if err != nil || len(snap.NetworkInterfaces) != 1 || snap.NetworkInterfaces[0].GetDhcp() != tt.want {
				t.Errorf("got %s, %v, want %t", show(snap.NetworkInterfaces...), err, tt.want)
			}
		})
	}
}
