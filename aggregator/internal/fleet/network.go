// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// port is something that machines of a role listen on.
type port struct {
	protocol      string
	number        int64
	process, user string
}

// listening writes the listening ports; the last one moves.
func (f *factsOf) listening() {
	for _, p := range f.role.ports {
		f.listen(p)
	}
	moving := int64(20_000 + (f.die.of(saltHardware).n(20_000)+f.generation[aspectPort]*17)%20_000)
	f.listen(port{protocol: "tcp", number: moving, process: "agentd", user: "nobody"})
}

func (f *factsOf) listen(p port) {
	f.snapshot.ListeningPorts = append(f.snapshot.ListeningPorts, &inventoryv1.ListeningPort{
		Protocol: &p.protocol, Port: &p.number, Address: proto.String("0.0.0.0"), Process: &p.process, User: &p.user,
	})
}

// address is the machine's IPv4 address in 10.0.0.0/8, another one after each move.
func (f *factsOf) address() string {
	n := (f.own.of(saltAddress).n(1<<24) + f.generation[aspectAddress]*250_007) & (1<<24 - 1)
	return fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, 1+n%254)
}

// mac is the link address of an interface.
func (f *factsOf) mac(i int) string {
	n := uint64(f.own.of(saltHardware)) + uint64(i)
	return fmt.Sprintf("%s:%02x:%02x:%02x", f.model.macs, n>>16&255, n>>8&255, n&255)
}

// linkLocal is the IPv6 address that follows from a link address.
//
// Source: RFC 4291, appendix A.
func linkLocal(mac string) string {
	link, err := net.ParseMAC(mac)
	if err != nil || len(link) != 6 {
		return "fe80::1"
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: link[0] ^ 2, link[1], link[2], 0xff, 0xfe, link[3], link[4], link[5]}).String()
}

// network writes interfaces, routes, name servers and the machine's certificate.
func (f *factsOf) network() {
	s, address, mac, name := f.snapshot, f.address(), f.mac(0), f.spelling.link
	subnet := address[:strings.LastIndexByte(address, '.')]
	for _, a := range [...][2]string{{address, "255.255.255.0"}, {linkLocal(mac), "ffff:ffff:ffff:ffff::"}} {
		s.NetworkInterfaces = append(s.NetworkInterfaces, &inventoryv1.NetworkInterface{
			Interface: &name, Mac: &mac, Address: proto.String(a[0]), Mask: proto.String(a[1]), Type: proto.String("ethernet"), Mtu: proto.Int64(1500),
		})
	}
	if f.Role == "kubernetes" || f.Role == "build" {
		s.NetworkInterfaces = append(s.NetworkInterfaces, &inventoryv1.NetworkInterface{
			Interface: proto.String("docker0"), Mac: proto.String(f.mac(1)), Address: proto.String("172.17.0.1"), Mask: proto.String("255.255.0.0"),
			Type: proto.String("bridge"), Mtu: proto.Int64(1500),
		})
	}
	for _, r := range [...][2]string{{"0.0.0.0/0", subnet + ".1"}, {subnet + ".0/24", ""}, {"fe80::/64", ""}} {
		s.Routes = append(s.Routes, &inventoryv1.Route{Destination: proto.String(r[0]), Gateway: present(r[1]), Interface: &name})
	}
	for i := range 2 {
		s.DnsServers = append(s.DnsServers, &inventoryv1.DNSServer{
			Address: proto.String("10.0.0." + strconv.Itoa(53+i)), Position: proto.Int64(int64(i + 1)), Search: []string{"example.org"},
		})
	}
	s.Certificates = []*inventoryv1.Certificate{{
		CommonName: proto.String(f.Hostname() + ".example.org"), Subject: proto.String("CN=" + f.Hostname() + ".example.org"),
		Sha_256: proto.String(title{die: f.own}.hex(0, 64)),
		Issuer:  proto.String("CN=Example Issuing CA,O=Example Ltd"), SerialNumber: proto.String(title{die: f.own}.hex(1, 32)),
		KeyAlgorithm: proto.String("ECDSA"), KeySize: proto.Int64(256),
		ValidFrom: proto.String("2026-01-01T00:00:00"), ValidUntil: proto.String("2027-01-01T00:00:00"),
		DnsNames: []string{f.Hostname() + ".example.org"},
	}}
}
