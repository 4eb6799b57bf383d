// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const socketHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// portTree is a machine whose ssh, resolver and web server wait.
func portTree() fstest.MapFS {
	return fstest.MapFS{
		"proc/net/tcp": text(socketHead +
			"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 x\n" +
			"   1: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 101 1 x\n" +
			"   2: 0100007F:0016 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 102 1 x\n" + // connected
			"   3: 00000000:9C41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1 x\n" + // ephemeral
			"   4: zz:0016 00000000:0000 0A 0 0 0 0 0 104\n"),
		"proc/net/tcp6": text(socketHead +
			"   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 105 1 x\n" +
			"   1: 000080FE00000000FF005450B6AD1DFE:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 106 1 x\n" +
			"   2: 000080FE00000000FF005450B6AD1DFE:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 107 1 x\n"),
		"proc/net/udp": text(socketHead + "   0: 3500007F:0035 00000000:0000 07 0:0 00:0 0   101        0 108 2 x 0\n" +
			"   1: 3500007F:0036 08080808:0035 07 0:0 00:0 0   101        0 109 2 x 0\n"),
		"proc/sys/net/ipv4/ip_local_port_range": text("32768\t60999\n"),
		"etc/passwd":                            text("root:x:0:0::/root:/bin/sh\nresolve:x:101:101::/:/usr/sbin/nologin\n"),
		"proc/20/fd/3":                          link("socket:[100]"),
		"proc/20/fd/4":                          link("/dev/null"),
		"proc/20/exe":                           link("/usr/sbin/sshd (deleted)"),
		"proc/3/fd/7":                           link("socket:[105]"),
		"proc/3/exe":                            link("/usr/sbin/sshd"),
		"proc/21/fd/3":                          link("socket:[105]"),
		"proc/21/exe":                           link("/bin/sh"),
		"proc/9/fd/1":                           link("socket:[106]"),
		"proc/9/fd/2":                           link("socket:[107]"),
		"proc/9/comm":                           text("nginx\n"),
		"proc/30/fd/1":                          link("socket:[101]"),
		"proc/30/fd/2":                          link("socket:[108]"),
		"proc/30/exe":                           link("/usr/lib/systemd/systemd-resolved"),
	}
}

func TestListeningPorts(t *testing.T) {
	t.Parallel()
	snap, err := gather(t, "listening_ports", &hosttest.Machine{Files: portTree()})
	want := strings.Join([]string{
		"{address:0.0.0.0,path:/usr/sbin/sshd,port:22,process:sshd,protocol:tcp,user:root}",
		"{address:::,path:/usr/sbin/sshd,port:22,process:sshd,protocol:tcp,user:root}",
		"{address:127.0.0.53,path:/usr/lib/systemd/systemd-resolved,port:53,process:systemd-resolved,protocol:tcp,user:resolve}",
		"{address:fe80::5054:ff:fe1d:adb6,port:80,process:nginx,protocol:tcp,user:root}",
		"{address:127.0.0.53,path:/usr/lib/systemd/systemd-resolved,port:53,process:systemd-resolved,protocol:udp,user:resolve}",
	}, "\n")
	if got := show(snap.ListeningPorts...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := gather(t, "listening_ports", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no network: got %v", err)
	}
}

func TestAPortWhoseProgramIsHiddenIsStillListed(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{Files: deny{portTree(), map[string]bool{"proc/30/fd": true}}}
	snap, err := gather(t, "listening_ports", m)
	if !errors.Is(err, fs.ErrPermission) || len(snap.ListeningPorts) != 5 || !strings.Contains(err.Error(), "/proc/*/fd") {
		t.Errorf("got %d, %v", len(snap.ListeningPorts), err)
	}
	// What is hidden matters only when somebody is missing.
	m = &hosttest.Machine{Files: deny{portTree(), map[string]bool{"proc/21/fd": true}}}
	if _, err := gather(t, "listening_ports", m); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestPortsOfThisMachineAreThoseOfSs(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // ephemeral: neither has it
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	out, err := exec.Command("ss", "-H", "-tuln").Output()
	if err != nil {
		t.Skipf("ss: %v", err)
	}
	m := &hosttest.Machine{Files: os.DirFS("/")}
	low, high := ephemeralPorts(peek(m, "proc/sys/net/ipv4/ip_local_port_range"))
	want := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		local := strings.ReplaceAll(f[4], "*:", "[::]:")
		if before, after, zoned := strings.Cut(local, "%"); zoned { // 127.0.0.53%lo:53
			local = before + after[strings.LastIndex(after, ":"):]
		}
		at, err := netip.ParseAddrPort(local)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if at.Port() < low || at.Port() > high {
			want[f[0]+" "+at.String()] = true
		}
	}
	snap, err := gather(t, "listening_ports", m)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, p := range snap.ListeningPorts {
		got[p.GetProtocol()+" "+net.JoinHostPort(p.GetAddress(), strconv.FormatInt(p.GetPort(), 10))] = true
	}
	for port := range want {
		if !got[port] {
			t.Errorf("%s is missing", port)
		}
	}
	if len(got) > len(want) {
		t.Errorf("got %v, ss says %v", got, want)
	}
}

func FuzzSockets(f *testing.F) {
	f.Add("0: 00000000:0016 00000000:0000 0A 0:0 00:0 0 0 0 100 1", "1 2")
	f.Add("0: 000080FE00000000FF005450B6AD1DFE:0016 0:0 0A", "99999 x")
	f.Fuzz(func(t *testing.T, table, ports string) {
		for _, s := range parseSockets(table, "tcp", "0A") {
			if !s.local.IsValid() || s.local.Port() == 0 {
				t.Errorf("bad socket %v", s)
			}
		}
		ephemeralPorts(ports)
	})
}
