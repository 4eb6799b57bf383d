// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "listening_ports", Essential: true, Collect: collectListeningPorts})
}

// socketTables are the sockets of the network that the agent itself is in; those of containers have tables of their own.
var socketTables = []struct{ file, protocol, state string }{
	{"proc/net/tcp", "tcp", "0A"}, // TCP_LISTEN
	{"proc/net/tcp6", "tcp", "0A"},
	{"proc/net/udp", "udp", "07"}, // not connected
	{"proc/net/udp6", "udp", "07"},
}

// socket is one line of a table.
type socket struct {
	protocol string
	local    netip.AddrPort
	uid      int64
	inode    string
}

// collectListeningPorts lists the sockets that wait for others. Who holds them is what the system tells the agent: with
// less than root's rights, the programs of other accounts stay unnamed.
//
// Source: proc_net(5), proc_pid_fd(5).
func collectListeningPorts(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	var sockets []socket
	for _, table := range socketTables {
		raw, err := host.ReadFile(h.FS(), table.file, largeFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return err
		}
		sockets = append(sockets, parseSockets(string(raw), table.protocol, table.state)...)
	}
	if len(sockets) == 0 && !exists(h, socketTables[0].file) {
		return ErrAbsent
	}
	low, high := ephemeralPorts(peek(h, "proc/sys/net/ipv4/ip_local_port_range"))
	sockets = slices.DeleteFunc(sockets, func(s socket) bool { return s.local.Port() >= low && s.local.Port() <= high })
	wanted := map[string]bool{}
	for _, s := range sockets {
		wanted[s.inode] = true
	}
	holders, denied, err := socketHolders(ctx, h, wanted)
	if err != nil {
		return err
	}
	names := accountNames(h)
	var unnamed gap
	for _, s := range sockets {
		p, held := holders[s.inode]
		if !held && denied && len(unnamed.paths) == 0 {
			unnamed.paths = []string{"/proc/*/fd"}
		}
		snap.ListeningPorts = append(snap.ListeningPorts, &inventoryv1.ListeningPort{
			Protocol: fact(s.protocol), Port: integer(int64(s.local.Port())), Address: fact(s.local.Addr().String()),
			Process: fact(p.name), Path: fact(p.path), User: fact(names[s.uid]),
		})
	}
	sortPorts(snap)
	return unnamed.err()
}

// sortPorts sorts the rows and drops equal ones: several sockets of one program may share a port.
func sortPorts(snap *inventoryv1.Snapshot) {
	compare := func(a, b *inventoryv1.ListeningPort) int {
		return cmp.Or(cmp.Compare(a.GetProtocol(), b.GetProtocol()), cmp.Compare(a.GetPort(), b.GetPort()),
			cmp.Compare(a.GetAddress(), b.GetAddress()), cmp.Compare(a.GetPath(), b.GetPath()), cmp.Compare(a.GetProcess(), b.GetProcess()),
			cmp.Compare(a.GetUser(), b.GetUser()))
	}
	slices.SortFunc(snap.ListeningPorts, compare)
	snap.ListeningPorts = slices.CompactFunc(snap.ListeningPorts, func(a, b *inventoryv1.ListeningPort) bool { return compare(a, b) == 0 })
}

// parseSockets returns the sockets of one table that are in the state and have no peer.
func parseSockets(text, protocol, state string) []socket {
	var sockets []socket
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != state {
			continue
		}
		local, err := socketAddress(f[1])
		peer, errPeer := socketAddress(f[2])
		uid := number(f[7])
		if err != nil || errPeer != nil || uid == nil || peer.Port() != 0 || local.Port() == 0 {
			continue
		}
		sockets = append(sockets, socket{protocol: protocol, local: local, uid: *uid, inode: f[9]})
	}
	return sockets
}

// socketAddress reads an address, in 32-bit words of the machine's own byte order, and a port.
func socketAddress(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("address of %d bytes", len(raw))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr, uint16(n)), err
}

// ephemeralPorts reads the range that the kernel takes ports from by itself.
func ephemeralPorts(text string) (low, high uint16) {
	f := strings.Fields(text)
	if len(f) != 2 {
		return 32768, 60999 // the kernel's default: ip(7)
	}
	a, errA := strconv.ParseUint(f[0], 10, 16)
	b, errB := strconv.ParseUint(f[1], 10, 16)
	if errA != nil || errB != nil {
		return 32768, 60999
	}
	return uint16(a), uint16(b)
}

// accountNames returns the names of the local accounts by uid.
func accountNames(h host.Host) map[int64]string {
	raw, err := host.ReadFile(h.FS(), passwdFile, largeFile)
	if err != nil {
		return nil // numbers without names
	}
	names := map[int64]string{}
	for _, u := range parsePasswd(string(raw), firstPersonUID) {
		if _, taken := names[u.GetUid()]; !taken {
			names[u.GetUid()] = u.GetName()
		}
	}
	return names
}
