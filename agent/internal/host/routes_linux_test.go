// SPDX-License-Identifier: Apache-2.0

package host

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ribOf returns the kernel's own answer, which every machine has.
func ribOf(t testing.TB) []byte {
	t.Helper()
	rib, err := syscall.NetlinkRIB(unix.RTM_GETROUTE, unix.AF_UNSPEC)
	if err != nil {
		t.Skip("no rtnetlink here:", err)
	}
	return rib
}

func TestRoutesWithSeveralNextHopsAreAsMany(t *testing.T) {
	t.Parallel()
	message := []byte{
		unix.AF_INET, 8, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, 0, 0, 0,
		8, 0, unix.RTA_DST, 0, 10, 0, 0, 0,
		8, 0, unix.RTA_PRIORITY, 0, 100, 0, 0, 0,
		36, 0, unix.RTA_MULTIPATH, 0,
		16, 0, 0, 0, 2, 0, 0, 0, 8, 0, unix.RTA_GATEWAY, 0, 192, 0, 2, 1,
		16, 0, 0, 0, 3, 0, 0, 0, 8, 0, unix.RTA_GATEWAY, 0, 198, 51, 100, 1,
	}
	header := []byte{byte(len(message) + unix.NLMSG_HDRLEN), 0, 0, 0, unix.RTM_NEWROUTE, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	routes, err := parseRoutes(append(header, message...), map[uint32]string{2: "eth0", 3: "eth1"})
	if err != nil || len(routes) != 2 {
		t.Fatalf("got %v, %v", routes, err)
	}
	for i, want := range []string{"10.0.0.0/8 192.0.2.1 eth0", "10.0.0.0/8 198.51.100.1 eth1"} {
		r := routes[i]
		if got := r.Destination.String() + " " + r.Gateway.String() + " " + r.Interface; got != want || r.Metric != 100 || r.Type != "unicast" {
			t.Errorf("got %s, metric %d, %s; want %s", got, r.Metric, r.Type, want)
		}
	}
}

func FuzzRoutes(f *testing.F) {
	f.Add(ribOf(f))
	f.Add([]byte{28, 0, 0, 0, unix.RTM_NEWROUTE, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 99, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, rib []byte) { _, _ = parseRoutes(rib, nil) })
}
