// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestSecurityProducts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{
			"Ubuntu",
			fstest.MapFS{
				"sys/module/apparmor/parameters/enabled": text("Y\n"), "sys/module/apparmor/parameters/mode": text("enforce\n"),
				"etc/ufw/ufw.conf": text("# x\nENABLED=no\nLOGLEVEL=low\n"), "usr/sbin/ufw": text(""),
				"usr/bin/clamscan": text(""), "run/systemd/system/x": text(""), "opt/CrowdStrike/falcond": text(""),
				"sys/fs/cgroup/system.slice/falcon-sensor.service/cgroup.procs": text("5\n"),
				"usr/sbin/nft": text(""), "usr/lib/systemd/system/nftables.service": text("[Install]\nWantedBy=sysinit.target\n"),
				"etc/systemd/system/sysinit.target.wants/nftables.service": link("/usr/lib/systemd/system/nftables.service"),
			},
			"{mode:enforcing,name:AppArmor,state:on,type:mandatory_access_control}\n{name:ufw,state:off,type:firewall}\n" +
				"{name:nftables,state:on,type:firewall}\n" +
				"{name:ClamAV,state:off,type:antivirus,vendor:Cisco}\n{name:Falcon Sensor,state:on,type:edr,vendor:CrowdStrike}",
		},
		{
			"Fedora without systemd in sight",
			fstest.MapFS{
				"sys/fs/selinux/enforce": text("1"), "etc/selinux/config": text("SELINUX=enforcing\n"), "usr/sbin/firewalld": text(""),
			},
			"{mode:enforcing,name:SELinux,state:on,type:mandatory_access_control}\n{name:firewalld,type:firewall}",
		},
		{
			"SELinux switched off",
			fstest.MapFS{"etc/selinux/config": text("# SELINUX=enforcing\nSELINUX=disabled\n"), "etc/ufw/ufw.conf": text("ENABLED=yes\n")},
			"{name:SELinux,state:off,type:mandatory_access_control}",
		},
	}
	for _, tt := range tests {
		snap, err := gather(t, "security_products", &hosttest.Machine{Files: tt.files})
		if got := show(snap.SecurityProducts...); err != nil || got != tt.want {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", tt.name, got, err, tt.want)
		}
	}
	if _, err := gather(t, "security_products", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("nothing installed: got %v", err)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"etc/samba/smb.conf": text("[global]\n workgroup = X\n; [off]\n[homes]\n comment = Home\n browseable = no\n[data]\n path = /srv/data\n" +
			" Read  Only = no\n valid users = \\\n @staff\n password server = x\n[print$]\n path = /var/p\n printable = yes\n"),
		"etc/exports":             text("# x\n/srv/nfs  10.0.0.0/8(rw,sync) \\\n *(ro)\n\"/srv/with blank\" a(ro)\n/srv/a\\040b\nrelative x\n"),
		"etc/exports.d/a.exports": text("/srv/more b(rw)\n"),
		"etc/exports.d/a.txt":     text("/srv/never b(rw)\n"),
	}
	snap, err := gather(t, "shares", &hosttest.Machine{Files: files})
	want := "{description:Home,name:homes,options:browseable = no,protocol:smb,type:disk}\n" +
		"{name:data,options:read only = no, valid users = @staff,path:/srv/data,protocol:smb,type:disk}\n" +
		"{name:print$,path:/var/p,protocol:smb,type:printer}\n" +
		"{name:/srv/nfs,options:10.0.0.0/8(rw,sync) *(ro),path:/srv/nfs,protocol:nfs,type:disk}\n" +
		"{name:/srv/with blank,options:a(ro),path:/srv/with blank,protocol:nfs,type:disk}\n" +
		"{name:/srv/a b,path:/srv/a b,protocol:nfs,type:disk}\n" +
		"{name:/srv/more,options:b(rw),path:/srv/more,protocol:nfs,type:disk}"
	if got := show(snap.Shares...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := gather(t, "shares", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no server: got %v", err)
	}
}

func TestPrinters(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"etc/cups/printers.conf": text("# CUPS\n<DefaultPrinter Office>\nInfo Second floor\nLocation Room 2\nMakeModel HP LaserJet\n" +
		"DeviceURI ipp://joe:s@cret@10.0.0.9/ipp\nState Idle\nShared Yes\n</DefaultPrinter>\n<Printer pdf>\nShared No\n</Printer>\nInfo nobody's\n")}
	snap, err := gather(t, "printers", &hosttest.Machine{Files: files})
	want := "{description:Second floor,is_default:true,location:Room 2,model:HP LaserJet,name:Office,shared:true,uri:ipp://***@10.0.0.9/ipp}\n{name:pdf,shared:false}"
	if got := show(snap.Printers...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	refused := &hosttest.Machine{Files: deny{files, map[string]bool{"etc/cups/printers.conf": true}}}
	if _, err := gather(t, "printers", refused); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func FuzzServers(f *testing.F) {
	f.Add("[global]\n[a]\npath=\\\nx\n<Printer a>\nInfo b")
	f.Add("\"/a b\" c(rw)\n/x\\040y *\\\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, row := range append(parseSamba(text), parseExports(text)...) {
			if row.Name == nil {
				t.Errorf("bad row %s", show(row))
			}
		}
		for _, row := range parsePrinters(text) {
			if row.Name == nil {
				t.Errorf("bad row %s", show(row))
			}
		}
	})
}
