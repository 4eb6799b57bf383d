// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "virtual_machines", CollectFiles: collectVirtualMachines})
}

// libvirtFolders hold one file per machine that libvirt knows, by driver.
var libvirtFolders = []string{"etc/libvirt/qemu", "etc/libvirt/libxl", "etc/libvirt/lxc"}

// collectVirtualMachines lists the machines that this one is configured to run. Only the administrator may read their
// files. Whether they run now is left out.
//
// Source: libvirt's "Domain XML format"; /etc/libvirt as its daemons keep it.
func collectVirtualMachines(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	var refused gap
	var broken []error
	found := false
	for _, folder := range libvirtFolders {
		entries, err := fs.ReadDir(h.FS(), folder)
		if err == nil {
			found = true
		}
		if err := refused.allow(folder, err); err != nil {
			return err
		}
		for _, e := range entries {
			if path.Ext(e.Name()) != ".xml" {
				continue
			}
			m, err := remember(files, h, folder+"/"+e.Name(), func() (*inventoryv1.VirtualMachine, error) {
				return readVirtualMachine(h, folder+"/"+e.Name())
			})
			switch {
			case err != nil && refused.allow(folder+"/"+e.Name(), err) != nil:
				broken = append(broken, err)
			case m != nil:
				row := proto.CloneOf(m)
				row.Autostart = proto.Bool(exists(h, folder+"/autostart/"+e.Name()))
				snap.VirtualMachines = append(snap.VirtualMachines, row)
			}
		}
	}
	if !found && len(refused.paths) == 0 {
		return ErrAbsent
	}
	return refused.with(broken)
}

// readVirtualMachine reads one machine's file.
func readVirtualMachine(h host.Host, name string) (*inventoryv1.VirtualMachine, error) {
	raw, err := host.ReadFile(h.FS(), name, smallFile)
	if err != nil {
		return nil, err
	}
	m, err := parseDomainXML(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m.Path = fact("/" + name)
	return m, nil
}

// libvirtDomain is what is read of a machine's file.
type libvirtDomain struct {
	XMLName xml.Name `xml:"domain"`
	Type    string   `xml:"type,attr"`
	Name    string   `xml:"name"`
	UUID    string   `xml:"uuid"`
	VCPU    int64    `xml:"vcpu"`
	Memory  struct {
		Unit string `xml:"unit,attr"`
		Size int64  `xml:",chardata"`
	} `xml:"memory"`
	OS struct {
		ID string `xml:"id,attr"`
	} `xml:"metadata>libosinfo>os"`
}

// memoryUnits are in bytes; libvirt takes KiB where a file names none.
var memoryUnits = map[string]int64{
	"b": 1, "bytes": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"": 1 << 10, "k": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30, "T": 1 << 40, "TiB": 1 << 40,
}

// parseDomainXML describes one machine.
func parseDomainXML(raw []byte) (*inventoryv1.VirtualMachine, error) {
	var d libvirtDomain
	if err := xml.NewDecoder(bytes.NewReader(raw)).Decode(&d); err != nil {
		return nil, err
	}
	name := strings.TrimSpace(d.Name)
	if name == "" {
		return nil, errors.New("a machine without a name")
	}
	m := &inventoryv1.VirtualMachine{
		Name: fact(name), Uuid: fact(strings.ToLower(strings.TrimSpace(d.UUID))), Hypervisor: fact(d.Type), Os: fact(d.OS.ID),
	}
	if d.VCPU > 0 {
		m.Cpus = integer(d.VCPU)
	}
	if unit := memoryUnits[d.Memory.Unit]; unit > 0 && d.Memory.Size > 0 && d.Memory.Size <= maxInteger/unit {
		m.Memory = integer(d.Memory.Size * unit)
	}
	return m, nil
}
