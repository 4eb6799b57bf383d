// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// domainXML is a file as virsh define writes it, shortened.
const domainXML = `<!-- WARNING: THIS IS AN AUTO-GENERATED FILE. -->
<domain type='kvm'>
  <name>web-1</name>
  <uuid>4DEA22B3-1d52-4F5A-9c3a-0e4c1d1f5b11</uuid>
  <metadata><libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
    <libosinfo:os id="http://debian.org/debian/12"/></libosinfo:libosinfo></metadata>
  <memory unit='KiB'>2097152</memory>
  <vcpu placement='static'>2</vcpu>
  <devices><graphics type='vnc' passwd='secret'/></devices>
</domain>
`

func TestVirtualMachines(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"etc/libvirt/qemu/web-1.xml": text(domainXML), "etc/libvirt/qemu/autostart/web-1.xml": link("../web-1.xml"),
		"etc/libvirt/qemu/broken.xml":           text("<domain"),
		"etc/libvirt/qemu/networks/default.xml": text("<network/>"),
		"etc/libvirt/lxc/small.xml":             text("<domain type='lxc'><name>small</name><memory>1024</memory></domain>"),
	}
	snap, err := gather(t, "virtual_machines", &hosttest.Machine{Files: files})
	want := "{autostart:true,cpus:2,hypervisor:kvm,memory:2147483648,name:web-1,os:http://debian.org/debian/12,path:/etc/libvirt/qemu/web-1.xml,uuid:4dea22b3-1d52-4f5a-9c3a-0e4c1d1f5b11}\n" +
		"{autostart:false,hypervisor:lxc,memory:1048576,name:small,path:/etc/libvirt/lxc/small.xml}"
	if got := show(snap.VirtualMachines...); got != want || err == nil || err.Error() != "etc/libvirt/qemu/broken.xml: XML syntax error on line 1: unexpected EOF" {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := gather(t, "virtual_machines", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no libvirt: got %v", err)
	}
	secret := deny{files, map[string]bool{"etc/libvirt/qemu": true}}
	if _, err := gather(t, "virtual_machines", &hosttest.Machine{Files: secret}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("refused: got %v", err)
	}
}

func FuzzDomainXML(f *testing.F) {
	f.Add([]byte(domainXML))
	f.Add([]byte("<domain><name> </name></domain>"))
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = parseDomainXML(raw) })
}
