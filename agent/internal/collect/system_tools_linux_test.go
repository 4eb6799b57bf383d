// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// answer runs one of the system's own tools and reads its JSON; a test without the tool is skipped, and says so.
func answer(t *testing.T, into any, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: nothing to compare with", name)
	}
	raw, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Skipf("%s cannot tell: %v", name, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// same compares two sets of lines.
func same(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// ours gathers one kind of the machine that the tests run on.
func ours(t *testing.T, name string) []string {
	t.Helper()
	snap, err := gather(t, name, host.Local())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range snap.Disks {
		lines = append(lines, fmt.Sprint(d.GetName(), " ", d.GetSize(), " ", d.GetRemovable(), " ", d.GetReadOnly()))
	}
	for _, p := range snap.Partitions {
		lines = append(lines, fmt.Sprint(p.GetName(), " ", p.GetSize(), " ", p.GetUuid(), " ", p.GetDisk()))
	}
	for _, n := range snap.NetworkInterfaces {
		if n.Address != nil {
			mask := netip.MustParseAddr(n.GetMask()).AsSlice()
			lines = append(lines, fmt.Sprint(n.GetInterface(), " ", n.GetMac(), " ", n.GetMtu(), " ", n.GetAddress(), "/", ones(mask), " ", n.GetBroadcast()))
		}
	}
	for _, r := range snap.Routes {
		lines = append(lines, fmt.Sprint(r.GetDestination(), " ", r.GetGateway(), " ", r.GetInterface(), " ", r.GetMetric(), " ", r.GetSource()))
	}
	for _, f := range snap.Filesystems {
		lines = append(lines, fmt.Sprint(f.GetPath(), " ", f.GetDevice(), " ", f.GetType(), " ", f.GetUuid(), " ", f.GetLabel(), " ", f.GetSize()))
	}
	return lines
}

func ones(mask []byte) int {
	n := 0
	for _, b := range mask {
		for ; b != 0; b <<= 1 {
			n++
		}
	}
	return n
}

// blockDevice is one of what lsblk prints.
type blockDevice struct {
	Name, Serial, Type, Tran, PartUUID, PkName string

	Size   int64
	RM, RO bool
}

// lsblk returns the block devices of a type.
func lsblk(t *testing.T, kind string) []blockDevice {
	t.Helper()
	var all struct{ BlockDevices []blockDevice }
	answer(t, &all, "lsblk", "--json", "--bytes", "--list", "--output", "NAME,SIZE,SERIAL,TYPE,RM,RO,TRAN,PARTUUID,PKNAME")
	return slices.DeleteFunc(all.BlockDevices, func(b blockDevice) bool {
		return b.Type != kind || b.Tran == "usb" || strings.HasPrefix(b.Name, "zram") || strings.HasPrefix(b.Name, "fd")
	})
}

func TestDisksAreThoseOfLsblk(t *testing.T) {
	t.Parallel()
	var want []string
	serials := map[string]string{}
	for _, b := range lsblk(t, "disk") {
		want = append(want, fmt.Sprint("/dev/", b.Name, " ", b.Size, " ", b.RM, " ", b.RO))
		serials["/dev/"+b.Name] = b.Serial
	}
	same(t, ours(t, "disks"), want)
	snap, err := gather(t, "disks", host.Local())
	for _, d := range snap.Disks {
		// Without udev lsblk knows no serial numbers.
		if want := serials[d.GetName()]; err != nil || want != "" && d.GetSerial() != want {
			t.Errorf("%s, %v: lsblk has the serial number %q", show(d), err, want)
		}
	}
}

func TestPartitionsAreThoseOfLsblk(t *testing.T) {
	t.Parallel()
	var want []string
	for _, b := range lsblk(t, "part") {
		want = append(want, fmt.Sprint("/dev/", b.Name, " ", b.Size, " ", b.PartUUID, " /dev/", b.PkName))
	}
	same(t, ours(t, "partitions"), want)
}

func TestNetworkInterfacesAreThoseOfIP(t *testing.T) {
	t.Parallel()
	var links []struct {
		IfName, Address string
		MTU             int
		LinkType        string `json:"link_type"`
		AddrInfo        []struct {
			Local, Broadcast string
			PrefixLen        int
			Temporary        bool
		} `json:"addr_info"`
	}
	answer(t, &links, "ip", "-json", "address")
	var want []string
	for _, l := range links {
		for _, a := range l.AddrInfo {
			if l.LinkType != "loopback" && strings.Trim(l.Address, "0:.") != "" && !a.Temporary {
				want = append(want, fmt.Sprint(l.IfName, " ", l.Address, " ", l.MTU, " ", a.Local, "/", a.PrefixLen, " ", a.Broadcast))
			}
		}
	}
	same(t, ours(t, "network_interfaces"), want)
}

func TestRoutesAreThoseOfIP(t *testing.T) {
	t.Parallel()
	type route struct {
		Dst, Gateway, Dev, PrefSrc, Protocol string
		Metric                               int
		NextHops                             []struct{ Gateway, Dev string }
	}
	var want []string
	for family, everything := range map[string]string{"-4": "0.0.0.0/0", "-6": "::/0"} {
		var routes []route
		answer(t, &routes, "ip", "-json", family, "route")
		for _, r := range routes {
			switch {
			case r.Dst == "default":
				r.Dst = everything
			case !strings.Contains(r.Dst, "/"):
				r.Dst += map[string]string{"-4": "/32", "-6": "/128"}[family]
			}
			if strings.HasPrefix(r.Dst, "fe80:") || r.Protocol == "ra" && r.Dst != everything || len(r.NextHops) > 0 || strings.HasPrefix(r.Dev, "veth") {
				continue
			}
			want = append(want, fmt.Sprint(r.Dst, " ", r.Gateway, " ", r.Dev, " ", r.Metric, " ", r.PrefSrc))
		}
	}
	same(t, ours(t, "routes"), want)
}

func TestFilesystemsAreThoseOfFindmnt(t *testing.T) {
	t.Parallel()
	var all struct {
		Filesystems []struct {
			Target, Source, FSType, UUID, Label string
			Size                                int64
		}
	}
	answer(t, &all, "findmnt", "--json", "--list", "--bytes", "--real", "--output", "TARGET,SOURCE,FSTYPE,UUID,LABEL,SIZE")
	var want []string
	seen := map[string]bool{}
	for _, f := range all.Filesystems {
		if !strings.HasPrefix(f.Source, "/dev/") || strings.Contains(f.Source, "[") || seen[f.Source] ||
			slices.Contains(imageTypes, f.FSType) || below(f.Target, containerPaths) {
			continue
		}
		seen[f.Source] = true
		want = append(want, fmt.Sprint(f.Target, " ", f.Source, " ", f.FSType, " ", f.UUID, " ", f.Label, " ", f.Size))
	}
	local := slices.DeleteFunc(ours(t, "filesystems"), func(line string) bool { return !strings.Contains(line, " /dev/") })
	same(t, local, want)
}

// TestSectionsStayAsTheyAre holds every kind of hardware and network against itself a moment later.
func TestSectionsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"disks", "partitions", "filesystems", "network_interfaces", "routes", "dns_servers", "pci_devices", "system_info"} {
		first, err := gather(t, name, host.Local())
		again, err2 := gather(t, name, host.Local())
		if (err == nil) != (err2 == nil) || show(first) != show(again) {
			t.Errorf("%s: got\n%s, %v\nthen\n%s, %v", name, show(first), err, show(again), err2)
		}
	}
}
