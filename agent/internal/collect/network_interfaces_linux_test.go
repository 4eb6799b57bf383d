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
	want := "{address:10.0.3.9,broadcast:10.0.15.255,dhcp:true,driver:ena,interface:ens5,mac:0a:1b:2c:3d:4e:5f,mask:255.255.240.0,mtu:9001,speed_mbps:10000,type:ethernet}\n" +
		"{address:10.0.3.10,driver:ena,interface:ens5,mac:0a:1b:2c:3d:4e:5f,mask:255.255.240.0,mtu:9001,speed_mbps:10000,type:ethernet}\n" +
		"{address:2001:db8::5,driver:ena,interface:ens5,mac:0a:1b:2c:3d:4e:5f,mask:ffff:ffff:ffff:ffff::,mtu:9001,speed_mbps:10000,type:ethernet}\n" +
		"{interface:wlan0,mac:02:00:00:00:00:01,mtu:1500,type:wireless}\n" +
		"{interface:eth1,mac:02:00:00:00:00:02,mtu:1500,type:ethernet}\n" +
		"{address:172.17.0.1,interface:docker0,mac:02:42:00:00:00:03,mask:255.255.0.0,type:bridge}"
	if got := show(snap.NetworkInterfaces...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}
